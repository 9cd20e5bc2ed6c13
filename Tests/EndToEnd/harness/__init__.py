"""The worlds around a mount: an S3 server, a web server, a proxy that counts and breaks, and the mount itself."""
