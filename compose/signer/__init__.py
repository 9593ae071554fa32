"""Signs the requests of the CDN's origin to the object store, which refuses unsigned ones."""
