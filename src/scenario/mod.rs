//! Running a scenario under the tracker: plan, launch, drive.
