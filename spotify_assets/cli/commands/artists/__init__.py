"""Commands about artists and what upstreams let an app see."""
