"""Signs what the CDN's origin asks of the object store, which answers nobody who does not sign."""
