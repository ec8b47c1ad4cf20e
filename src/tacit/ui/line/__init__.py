"""Line mode: a chat as a stream of lines with one line being typed below it, or plain lines through a pipe."""
