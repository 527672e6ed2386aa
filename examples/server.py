"""A program that never ends by itself: answers requests that come over a socket pair."""

import socket


def main():
    client, server = socket.socketpair()
    while True:
        client.sendall(b"price of A-1?")
        question = server.recv(100)
        server.sendall(question.replace(b"?", b": 3"))
        client.recv(100)


if __name__ == "__main__":
    main()
