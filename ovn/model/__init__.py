"""What the state is made of, as frozen values; nothing here touches a disk."""
