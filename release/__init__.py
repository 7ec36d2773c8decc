"""What a release renews: hashes of what the image installs, digests of the images that are pulled."""
