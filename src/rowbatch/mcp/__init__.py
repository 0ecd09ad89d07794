"""What assistants may ask, by the Model Context Protocol: it changes nothing."""
