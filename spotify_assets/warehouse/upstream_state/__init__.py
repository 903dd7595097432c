"""What sources share through the database: rate limit, quota, cooldown and capabilities."""
