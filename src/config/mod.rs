//! `leakgate.yaml`: what was typed (`schema`), what is used (`validate`), and how one becomes the other (`load`).
