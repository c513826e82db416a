"""Layer 1: what the state is made of, as frozen values; nothing here touches a disk."""
