"""Requests to servers: when they are sent, sent again and given up, whatever the server's protocol is."""
