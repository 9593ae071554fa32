"""What runs inside the Locust processes: arrivals that start when due, their requests timed, all of it added up."""
