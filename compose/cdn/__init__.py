"""The CDN: nginx as edge and origin (cdn.conf), and what its logs say in numbers (requests.py)."""

# What is served, as a regular expression of the whole path: photos, thumbnails and seeded photos, by plain names only.
PATHS = r"^/(?:photos|thumbs|seed)(?:/[A-Za-z0-9_-]+)+\.[a-z0-9]+$"
