"""Files dropped into the import folder: the sensor, the job, and loading what they hold."""
