"""What is read of each kind of object, as frozen values."""
