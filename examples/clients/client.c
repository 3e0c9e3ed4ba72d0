/* A client of mobcast: sends each line of its input, and prints each message that it receives as a line. Try it:
 * cc -o client examples/clients/client.c && ./client tcp://127.0.0.1:8000, and prove it: mobcast check ./client */
#define _GNU_SOURCE
#include <endian.h>
#include <err.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static char payload[1 << 20]; /* the longest message: --max-frame of the server */
static void talk(FILE *mob) {
  char *line = getenv("MOBCAST_SECRET"), *input = NULL;
  size_t room = 0;
  for (ssize_t length = line ? strlen(line) : 0; length >= 0; line = input) {
    uint64_t header = htobe64(length);
    if (length > 0) fwrite(&header, 8, 1, mob), fwrite(line, 1, length, mob), fflush(mob); /* 0 is a ping */
    if ((length = getline(&input, &room, stdin)) > 0 && input[length - 1] == '\n') length--;
  }
  shutdown(fileno(mob), SHUT_WR); /* what is published until the server sees this still comes */
}
int main(int argc, char **argv) {
  char host[256] = "127.0.0.1", port[6] = "8000";
  struct addrinfo *at, hints = {.ai_socktype = SOCK_STREAM};
  if (argc > 1) sscanf(argv[1], "tcp://%255[^:]:%5[0-9]", host, port);
  if (getaddrinfo(host, port, &hints, &at)) errx(1, "there is no host %s", host);
  int mob = socket(at->ai_family, SOCK_STREAM, 0), talker;
  if (connect(mob, at->ai_addr, at->ai_addrlen)) err(1, "cannot connect");
  if ((talker = fork()) == 0) return talk(fdopen(mob, "w")), 0; /* a server reads nothing from one that only writes */
  FILE *stream = fdopen(mob, "r");
  uint64_t length, got;
  while ((got = fread(&length, 1, 8, stream)) == 8 && (length = be64toh(length)) <= sizeof payload) {
    if (fread(payload, 1, length, stream) < length) break;
    fwrite(payload, 1, length, stdout), putchar('\n'), fflush(stdout);
  }
  kill(talker, SIGTERM);
  if (got > 0) errx(1, "the connection broke inside a message, or the message is over the limit");
}
