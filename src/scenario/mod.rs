//! Running a scenario under the tracker: plan, launch, drive.

pub mod tracker;
