"""What a user may write, validated: the words of a search file and nothing that acts on them."""
