/*
 * The load generator of `npm run bench`: one thread, epoll, several thousand connections to 127.0.0.1.
 *
 * It knows no protocol but one. What is around a payload on the wire, what is sent first and what may come in between are
 * given as bytes (bench/dialects.ts), so it treats a mob, Redis, NATS and ncat alike. Of WebSocket it knows the mask, which
 * changes a payload, and, with `packed`, the messages that hold runs of frames. All frames of a run have one size. Their
 * payloads are the messages that src/load/message.ts describes. Each frame is checked, at every receiver: its prefix, its run,
 * its publisher, and that it is the next one of that publisher; and at the end, that all receivers had one order.
 *
 * Compiled with -DOVER_TLS it can speak TLS as well, see generator_tls.h.
 *
 * Arguments are NAME=VALUE, see `read_arguments`. The result is one JSON object on standard output. It always ends by
 * itself: each phase has a limit.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

enum { STAMP = 20, FILLINGS = 251, READ_SIZE = 256 * 1024, EVENTS = 512, PREFIX_LIMIT = 128, SLOTS = 64 * 1024 };
enum { HANDSHAKES = 4 };
enum { STATUS, PROOF, WELCOME, ANSWER_PARTS };
enum { BINARY = 0x82, PING = 0x89, HEADER_LIMIT = 10 }; /* of WebSocket: whole frames with their first byte, and a header */
#define SECOND 1000000000ull
#define MILLISECOND 1000000ull

/* --- what was asked for --- */

typedef struct {
  u8 *at;
  size_t length;
} Bytes;

static int port, server_pid, receivers = 100, publishers = 4, size = 64, window, idle;
static int joining = 200; /* how many may be joining at a time */
static int joint = 1;     /* the publishers are among the receivers */
static int echo = 1;      /* a publisher that receives gets its own frames */
static int ordered = 1;   /* all receive all in one order */
static u32 sample = 1;    /* the delay of one frame in so many is counted; a power of two */
static double rate, seconds = 3, ramp = 1, patience = 5; /* how long it waits, in the end, for what is under way */
static Bytes sent_prefix, sent_suffix, received_prefix, received_suffix;
static Bytes receiver_hello, receiver_welcome, publisher_hello, publisher_welcome; /* sent first, and the end of the answer */
static Bytes receiver_status, receiver_proof; /* how the answer to a receiver must begin, and what it must contain */
static Bytes aside, aside_answer; /* may come between frames, and is answered */
static Bytes ping;                /* what the active one among idle connections sends */
static Bytes mask;                /* four bytes: what is sent is masked with them */
static int drains;                /* in the end the server is told to stop, and the time until all are let go is taken */
static int stuck;                 /* one more client, which never reads */
static double churn;              /* connects a second of clients that leave when they have received something */
static int packed;                /* the frames are in WebSocket messages, each with any number of them */
static int over_tls;              /* every connection begins with a TLS handshake */
static int storm;                 /* how many more connect at once, while those that are in are measured */
static Bytes greeting_end;        /* the server greets in the clear, and the handshake comes behind this */

static void fail(const char *what) {
  printf("{\"error\":\"%s\"}\n", what);
  exit(1);
}

static Bytes from_hex(const char *text) {
  Bytes bytes = {malloc(strlen(text) / 2 + 1), strlen(text) / 2};
  for (size_t index = 0; index < bytes.length; index++) {
    unsigned value;
    if (sscanf(text + 2 * index, "%2x", &value) != 1) fail("bad hexadecimal argument");
    bytes.at[index] = (u8)value;
  }
  return bytes;
}

static void prepare_tls(void);

static void read_arguments(int count, char **arguments) {
  struct { const char *name; int *value; } whole[] = {
    {"port", &port}, {"pid", &server_pid}, {"receivers", &receivers}, {"publishers", &publishers}, {"size", &size},
    {"window", &window}, {"idle", &idle}, {"joining", &joining}, {"joint", &joint}, {"echo", &echo},
    {"ordered", &ordered}, {"sample", (int *)&sample}, {"packed", &packed}, {"tls", &over_tls}, {"storm", &storm},
    {"drains", &drains}, {"stuck", &stuck},
  };
  struct { const char *name; double *value; } real[] = {{"rate", &rate}, {"seconds", &seconds}, {"ramp", &ramp}, {"patience", &patience}, {"churn", &churn}};
  struct { const char *name; Bytes *value; } bytes[] = {
    {"sentPrefix", &sent_prefix}, {"sentSuffix", &sent_suffix}, {"receivedPrefix", &received_prefix},
    {"receivedSuffix", &received_suffix}, {"receiverHello", &receiver_hello}, {"receiverWelcome", &receiver_welcome},
    {"publisherHello", &publisher_hello}, {"publisherWelcome", &publisher_welcome}, {"aside", &aside},
    {"asideAnswer", &aside_answer}, {"ping", &ping}, {"receiverStatus", &receiver_status},
    {"receiverProof", &receiver_proof}, {"mask", &mask}, {"greetingEnd", &greeting_end},
  };
  for (int index = 1; index < count; index++) {
    char *equals = strchr(arguments[index], '=');
    if (equals == NULL) fail("an argument is NAME=VALUE");
    *equals = 0;
    bool known = false;
    for (size_t at = 0; at < sizeof whole / sizeof *whole; at++)
      if (strcmp(arguments[index], whole[at].name) == 0) known = true, *whole[at].value = atoi(equals + 1);
    for (size_t at = 0; at < sizeof real / sizeof *real; at++)
      if (strcmp(arguments[index], real[at].name) == 0) known = true, *real[at].value = atof(equals + 1);
    for (size_t at = 0; at < sizeof bytes / sizeof *bytes; at++)
      if (strcmp(arguments[index], bytes[at].name) == 0) known = true, *bytes[at].value = from_hex(equals + 1);
    if (!known) fail("unknown argument");
  }
  if (size < STAMP || received_prefix.length > PREFIX_LIMIT) fail("size or prefix out of range");
  if (mask.length != 4 && (packed || mask.length > 0)) fail("a mask has four bytes");
  if (over_tls) prepare_tls();
}

/* --- clocks and the server's process --- */

static u64 now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (u64)time.tv_sec * SECOND + (u64)time.tv_nsec;
}

/* Seconds for which a process ran, and for which it could have run had a processor been free. */
typedef struct {
  double busy, starved;
} Time;

/* The threads' own clocks count nanoseconds, where the process's clock in `stat` counts hundredths of a second. */
static Time time_of(int pid) {
  char path[300];
  snprintf(path, sizeof path, "/proc/%d/task", pid);
  DIR *folder = pid > 0 ? opendir(path) : NULL;
  Time total = {0, 0};
  if (folder == NULL) return total;
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pid, entry->d_name);
    FILE *file = fopen(path, "r");
    unsigned long long busy, starved;
    if (file == NULL) continue;
    if (fscanf(file, "%llu %llu", &busy, &starved) == 2)
      total.busy += (double)busy / 1e9, total.starved += (double)starved / 1e9;
    fclose(file);
  }
  closedir(folder);
  return total;
}

/* A line of the server's `status` in KiB: VmRSS, VmHWM. */
static long server_memory(const char *name) {
  char path[64], line[256];
  snprintf(path, sizeof path, "/proc/%d/status", server_pid);
  FILE *file = server_pid > 0 ? fopen(path, "r") : NULL;
  if (file == NULL) return 0;
  long value = 0;
  while (fgets(line, sizeof line, file) != NULL)
    if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':') value = atol(line + strlen(name) + 1);
  fclose(file);
  return value;
}

/* --- connections --- */

#include "generator_tls.h"

typedef struct {
  int fd;
  bool receives, gone, polled_for_room;
  bool passes;      /* it comes, receives something and leaves */
  bool is_in;       /* it has received a frame */
  int part;         /* how many parts of the answer were seen */
  size_t matched;   /* bytes of the next part that were seen */
  u32 last;         /* the last four bytes of the answer */
  Bytes answer[ANSWER_PARTS]; /* its beginning, what it contains, and its end; frames come behind it */
  int publisher;       /* its number as a publisher, or -1 */
  size_t have;      /* bytes that came of the frame under way */
  size_t aside_left;
  u8 header[HEADER_LIMIT]; /* of the WebSocket frame that begins */
  size_t header_have;
  u64 message_left; /* bytes of its payload */
  u8 head[PREFIX_LIMIT + STAMP];
  u32 *next;        /* the number of the next frame, of each publisher */
  u64 received;        /* frames */
  u32 order;        /* a sum that depends on the order of all frames */
  u8 *out;          /* what is to be sent */
  size_t out_from, out_to, out_size;
  Session *session; /* over TLS */
} Connection;

static int poller;
static Connection **connections;
static int connected; /* how many there are */
static Connection **publishing;
static u32 *sent;     /* frames, of each publisher */
static u64 total_sent, total_received, total_reads, late, corrupt, ended;
static size_t stride, sent_stride;
static int not_joined;
static u64 counted_from = UINT64_MAX, counted_to = UINT64_MAX;
static u64 delays[SLOTS];
static u8 *template_frame;
static u32 run;      /* the number in each stamp */
static u8 *series;   /* the bytes behind the stamp of a message are a stretch of these */
static u8 input[READ_SIZE];

static void flush(Connection *connection);
static void leave_again(Connection *connection);

static void put32(u8 *at, u32 value) {
  value = htonl(value);
  memcpy(at, &value, 4);
}

static u32 get32(const u8 *at) {
  u32 value;
  memcpy(&value, at, 4);
  return ntohl(value);
}

/* A time in a stamp is a float of milliseconds, in big-endian. */
static void put_time(u8 *at, u64 nanoseconds) {
  double milliseconds = (double)nanoseconds / 1e6;
  u64 bits;
  memcpy(&bits, &milliseconds, 8);
  bits = htobe64(bits);
  memcpy(at, &bits, 8);
}

static u64 get_time(const u8 *at) {
  u64 bits;
  memcpy(&bits, at, 8);
  bits = be64toh(bits);
  double milliseconds;
  memcpy(&milliseconds, &bits, 8);
  return (u64)(milliseconds * 1e6 + 0.5);
}

/* Three digits of a delay are kept: 1,024 slots for each power of two of microseconds. */
static void count_delay(u64 nanoseconds) {
  u64 value = nanoseconds / 1000;
  int shift = value < 2048 ? 0 : 53 - __builtin_clzll(value);
  u64 slot = ((u64)shift << 10) + (value >> shift);
  delays[slot < SLOTS ? slot : SLOTS - 1]++;
}

static u64 value_of_slot(u64 slot) {
  if (slot < 2048) return slot;
  u64 shift = (slot >> 10) - 1;
  return (slot - (shift << 10)) << shift;
}

static void leave(Connection *connection) {
  if (connection->gone) return;
  connection->gone = true;
  ended++;
  close(connection->fd);
}

/* A socket that connects. One address of a client has about 28,000 ports, so many clients have several addresses. */
static int open_socket(int address_number) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (fd < 0) fail("no descriptor left: raise ulimit -n");
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct sockaddr_in address = {.sin_family = AF_INET};
  if (address_number > 0) {
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (u32)address_number);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) fail("cannot use another address of the loopback");
  }
  address.sin_port = htons((u16)port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS) fail("cannot connect");
  return fd;
}

static Connection *open_connection(bool receives, int publisher) {
  int fd = open_socket(connected / 20000);
  Connection *connection = calloc(1, sizeof *connection);
  connection->fd = fd;
  if (over_tls) connection->session = new_session(fd);
  connection->receives = receives;
  connection->publisher = publisher;
  if (receives) connection->answer[STATUS] = receiver_status, connection->answer[PROOF] = receiver_proof;
  connection->answer[WELCOME] = receives ? receiver_welcome : publisher_welcome;
  if (receives) connection->next = calloc((size_t)publishers, sizeof(u32)), not_joined++;
  if (publisher >= 0) publishing[publisher] = connection;
  Bytes hello = receives ? receiver_hello : publisher_hello;
  connection->out_size = hello.length + 4096;
  connection->out = malloc(connection->out_size);
  if (hello.length > 0) memcpy(connection->out, hello.at, connection->out_to = hello.length);
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = connection};
  connection->polled_for_room = true;
  epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
  connections[connected++] = connection;
  return connection;
}

/* --- receiving --- */

/* A whole frame was received; `at` is its prefix and its stamp. Returns whether it is a frame of this run. */
static inline bool count_received(Connection *connection, const u8 *at, u64 now) {
  if (memcmp(at, received_prefix.at, received_prefix.length) != 0) return false;
  const u8 *stamp = at + received_prefix.length;
  if (get32(stamp) != run) return false;
  u32 publisher = get32(stamp + 4), number = get32(stamp + 8);
  if (__builtin_expect(publisher >= (u32)publishers, 0)) return false;
  u32 *next = &connection->next[publisher];
  if (__builtin_expect(!connection->is_in, 0)) connection->is_in = true, not_joined--;
  if (__builtin_expect(number < *next, 0)) late++;
  else *next = number + 1;
  connection->received++;
  connection->order = connection->order * 31 + publisher;
  if (((number + publisher) & (sample - 1)) == 0) {
    u64 at_ns = get_time(stamp + 12);
    if (at_ns >= counted_from && at_ns < counted_to) count_delay(now > at_ns ? now - at_ns : 0);
  }
  return true;
}

static void break_off(Connection *connection) {
  corrupt++;
  leave(connection);
}

static void answer_aside(Connection *connection) {
  if (connection->out_to + aside_answer.length > connection->out_size) return;
  memcpy(connection->out + connection->out_to, aside_answer.at, aside_answer.length);
  connection->out_to += aside_answer.length;
  flush(connection);
}

static size_t least(size_t one, size_t other) { return one < other ? one : other; }

static void walk(Connection *connection, const u8 *at, const u8 *end, u64 now) {
  const size_t head = received_prefix.length + STAMP;
  u64 before = connection->received;
  while (at < end) {
    if (connection->aside_left > 0) {
      size_t taken = least(connection->aside_left, (size_t)(end - at));
      at += taken;
      if ((connection->aside_left -= taken) == 0) answer_aside(connection);
      continue;
    }
    if (connection->have == 0) {
      while ((size_t)(end - at) >= stride && count_received(connection, at, now)) at += stride;
      if (at == end) break;
      if (aside.length > 0 && *at == aside.at[0] && *at != received_prefix.at[0]) {
        connection->aside_left = aside.length;
        continue;
      }
      if ((size_t)(end - at) >= stride) return break_off(connection);
    }
    size_t taken = least(stride - connection->have, (size_t)(end - at));
    if (connection->have < head)
      memcpy(connection->head + connection->have, at, least(head - connection->have, taken));
    at += taken;
    connection->have += taken;
    if (connection->have < stride) break;
    connection->have = 0;
    if (!count_received(connection, connection->head, now)) return break_off(connection);
  }
  total_received += connection->received - before;
}

/* The length that a whole WebSocket header of a server gives; its size must be the least that holds the length. */
static bool length_of(const u8 *header, u64 *length) {
  u8 code = header[1];
  *length = code;
  if (code < 126) return true;
  if (code == 126) return (*length = (u64)header[2] << 8 | header[3]) >= 126;
  return code == 127 && (*length = (u64)get32(header + 2) << 32 | get32(header + 6)) >= 65536;
}

/* The payloads of binary messages are one stream of frames. A ping without a payload may come in between. */
static void unpack(Connection *connection, const u8 *at, const u8 *end, u64 now) {
  while (at < end && !connection->gone) {
    if (connection->message_left > 0) {
      size_t taken = least(connection->message_left, (size_t)(end - at));
      walk(connection, at, at + taken, now);
      at += taken;
      connection->message_left -= taken;
      continue;
    }
    u8 *header = connection->header;
    header[connection->header_have++] = *at++;
    if (connection->header_have < 2) continue;
    if (connection->header_have < (header[1] == 127 ? 10u : header[1] == 126 ? 4u : 2u)) continue;
    connection->header_have = 0;
    u64 length;
    if (!length_of(header, &length)) return break_off(connection);
    if (header[0] == BINARY) connection->message_left = length;
    else if (header[0] == PING && length == 0) answer_aside(connection);
    else return break_off(connection);
  }
}

/* Looks for the parts of the answer, one behind the other. Returns where it ends, or `end`. */
static const u8 *hear_answer(Connection *connection, const u8 *at, const u8 *end) {
  while (connection->part < ANSWER_PARTS) {
    Bytes part = connection->answer[connection->part];
    if (connection->matched == part.length) {
      connection->part++, connection->matched = 0;
      continue;
    }
    if (at == end) break;
    if (*at == part.at[connection->matched]) connection->matched++;
    else if (connection->part == STATUS) fail("the server refuses the handshake");
    else connection->matched = *at == part.at[0] ? 1 : 0;
    connection->last = connection->last << 8 | *at++;
    if (connection->part == PROOF && connection->last == 0x0d0a0d0a) fail("the answer to the handshake has a wrong key");
  }
  return at;
}

/* Whether it may send and receive frames. */
static bool is_answered(Connection *connection) {
  hear_answer(connection, input, input);
  return connection->part == ANSWER_PARTS;
}

/* Returns whether there may be more. */
static bool receive_some(Connection *connection) {
  Session *session = connection->session;
  ssize_t got = session ? session_receive(session, input, READ_SIZE) : recv(connection->fd, input, READ_SIZE, 0);
  if (got < 0 && errno == EAGAIN) return false;
  if (got <= 0) return leave(connection), false;
  const u8 *end = input + got, *at = hear_answer(connection, input, end);
  if (connection->receives && packed) unpack(connection, at, end, now_ns());
  else if (connection->receives) walk(connection, at, end, now_ns());
  return session && !connection->gone;
}

static void receive(Connection *connection) {
  if (connection->session && !connection->session->open) {
    /* What waited for the handshake can be sent now. */
    flush(connection);
    if (!connection->session->open) return;
  }
  total_reads++;
  /* Over TLS nothing may stay in the session: epoll does not know of it. */
  while (receive_some(connection)) {}
}

/* --- publishing --- */

static void watch(Connection *connection, bool for_room) {
  if (connection->polled_for_room == for_room) return;
  connection->polled_for_room = for_room;
  struct epoll_event event = {.events = EPOLLIN | (for_room ? EPOLLOUT : 0), .data.ptr = connection};
  epoll_ctl(poller, EPOLL_CTL_MOD, connection->fd, &event);
}

static void flush(Connection *connection) {
  Session *session = connection->session;
  if (session && !session->open && !shake_hands(session)) {
    if (errno == EAGAIN || errno == ENOTCONN) return watch(connection, session->needs_room);
    return leave(connection);
  }
  while (connection->out_from < connection->out_to && !connection->gone) {
    u8 *from = connection->out + connection->out_from;
    size_t length = connection->out_to - connection->out_from;
    ssize_t taken = session ? session_send(session, from, length) : send(connection->fd, from, length, MSG_NOSIGNAL);
    if (taken < 0) {
      if (errno == EAGAIN || errno == ENOTCONN) return watch(connection, true);
      return leave(connection);
    }
    connection->out_from += (size_t)taken;
  }
  connection->out_from = connection->out_to = 0;
  watch(connection, false);
}

/* Masks bytes that begin a payload. */
static void apply_mask(u8 *at, size_t length) {
  u64 key, word;
  memcpy(&key, mask.at, 4);
  memcpy((u8 *)&key + 4, mask.at, 4);
  for (; length >= 8; at += 8, length -= 8) {
    memcpy(&word, at, 8);
    word ^= key;
    memcpy(at, &word, 8);
  }
  for (size_t index = 0; index < length; index++) at[index] ^= mask.at[index & 3];
}

/* Makes room for so many bytes behind what a connection has to send. */
static void make_room(Connection *connection, size_t length) {
  if (connection->out_to + length <= connection->out_size) return;
  connection->out_size = 2 * (connection->out_to + length);
  connection->out = realloc(connection->out, connection->out_size);
}

/* Appends a frame to what a publisher has to send. */
static void append(int publisher, u64 at_ns) {
  Connection *connection = publishing[publisher];
  make_room(connection, sent_stride);
  u8 *frame = connection->out + connection->out_to;
  memcpy(frame, template_frame, sent_stride);
  u8 *stamp = frame + sent_prefix.length;
  u32 number = sent[publisher]++;
  put32(stamp, run);
  put32(stamp + 4, (u32)publisher);
  put32(stamp + 8, number);
  put_time(stamp + 12, at_ns);
  memcpy(stamp + STAMP, series + number % FILLINGS, (size_t)(size - STAMP));
  if (mask.length > 0 && !packed) apply_mask(stamp, (size_t)size);
  connection->out_to += sent_stride;
  total_sent++;
}

/* Appends the header of a masked binary message. */
static void append_header(Connection *connection, u64 length) {
  make_room(connection, HEADER_LIMIT + 4);
  u8 *at = connection->out + connection->out_to;
  *at++ = BINARY;
  *at++ = 0x80 | (u8)(length < 126 ? length : length < 65536 ? 126 : 127);
  for (int shift = length < 126 ? -8 : length < 65536 ? 8 : 56; shift >= 0; shift -= 8) *at++ = (u8)(length >> shift);
  memcpy(at, mask.at, 4);
  connection->out_to = (size_t)(at + 4 - connection->out);
}

/* Sends frames of a publisher, where they are packed in one message. */
static void publish(int publisher, long count, u64 at_ns) {
  Connection *connection = publishing[publisher];
  if (packed) append_header(connection, (u64)count * sent_stride);
  size_t from = connection->out_to;
  for (long index = 0; index < count; index++) append(publisher, at_ns);
  if (packed) apply_mask(connection->out + from, connection->out_to - from);
  flush(connection);
}

static int next_publisher; /* the publisher that sends next */

/*
 * Closed loop: as many frames as there is room for, in equal shares, those of one publisher in one send. A large window is
 * refilled by halves: refilled frame by frame, chance would decide how many frames a server finds in a tick, and so what a
 * delivery costs (measured: by a factor of three, from run to run).
 */
static void refill(void) {
  int receiving = joint && !echo ? receivers - 1 : receivers;
  long room = window - (long)(total_sent - total_received / (u64)receiving);
  if (room <= 0 || (window >= 64 && room < window / 2)) return;
  u64 now = now_ns();
  for (int left = publishers; left > 0 && room > 0; left--) {
    long share = (room + left - 1) / left;
    int publisher = next_publisher;
    next_publisher = (next_publisher + 1) % publishers;
    /* A publisher with unsent bytes waits, and the others get its share. */
    if (publishing[publisher]->gone || publishing[publisher]->out_to > 0) continue;
    publish(publisher, share, now);
    room -= share;
  }
}

static u64 schedule_began, scheduled; /* when the open loop began, and frames since */

static u64 due(u64 number) { return schedule_began + (u64)((double)number * 1e9 / (rate * publishers)); }

/* Open loop: every frame has its time, whatever has become of those before it. That time is its stamp. */
static void keep_schedule(u64 now) {
  for (; due(scheduled) <= now; scheduled++) {
    int publisher = (int)(scheduled % (u64)publishers);
    if (publishing[publisher]->gone) continue;
    publish(publisher, 1, due(scheduled));
  }
}

/* --- phases --- */

static void tick(u64 nanoseconds) {
  struct epoll_event events[EVENTS];
  struct timespec limit = {.tv_sec = (time_t)(nanoseconds / SECOND), .tv_nsec = (long)(nanoseconds % SECOND)};
  int count = epoll_pwait2(poller, events, EVENTS, &limit, NULL);
  for (int index = 0, shaking = 0; index < count; index++) {
    Connection *connection = events[index].data.ptr;
    if (connection->gone) continue;
    if (connection->passes) {
      leave_again(connection);
      continue;
    }
    /* A handshake takes long: only a few at a time, so that frames do not wait for them here. Others come again. */
    if (connection->session && !connection->session->open && ++shaking > HANDSHAKES) continue;
    if (events[index].events & EPOLLOUT) flush(connection);
    if (!connection->gone && events[index].events & ~(u32)EPOLLOUT) receive(connection);
  }
}

/* How many descriptors the server has open: how many it has accepted, without a word to it. 0 where that is unknown. */
static int server_descriptors(void) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/fd", server_pid);
  DIR *folder = server_pid > 0 ? opendir(path) : NULL;
  if (folder == NULL) return 0;
  int count = 0;
  while (readdir(folder) != NULL) count++;
  closedir(folder);
  return count;
}

static void say_hello(void) {
  if (publishing[0]->out_to > 0 || !is_answered(publishing[0])) return;
  publish(0, 1, now_ns());
}

/* Lets time pass while the sockets are served. */
static void pass(u64 nanoseconds) {
  for (u64 limit = now_ns() + nanoseconds; now_ns() < limit;) tick(MILLISECOND);
}

/* Opens the connections, so many at a time as the server's backlog holds, and waits until it has accepted them. */
static void open_all(int coming, int others, int descriptors_before, u64 limit) {
  int before = connected;
  for (u64 looked = 0; coming < receivers || others < publishers || looked == 0;) {
    int accepted = server_descriptors() - descriptors_before;
    looked = now_ns();
    /* Where this is unknown, a time has to do. */
    int under_way = descriptors_before > 0 ? connected - before - accepted : 0;
    for (; under_way < joining && coming < receivers; under_way++, coming++)
      open_connection(true, joint && coming < publishers ? coming : -1);
    for (; under_way < joining && others < publishers; under_way++) open_connection(false, others++);
    if (looked > limit) fail("not all were accepted in time");
    pass(descriptors_before > 0 ? 2 * MILLISECOND : 50 * MILLISECOND);
  }
  while (descriptors_before > 0 && server_descriptors() - descriptors_before < connected - before) {
    /* A descriptor that the server has closed meanwhile makes it look as if one were missing. */
    if (ended > 0 || now_ns() > limit - 25 * SECOND) break;
    pass(2 * MILLISECOND);
  }
}

/*
 * All connections join: connected, accepted and, having received a frame, joined. No frame is sent while they connect: Node
 * accepts one a tick, and a tick in which thousands are written to is long. Returns how long all but the first took.
 */
static double join_all(void) {
  u64 limit = now_ns() + 30 * SECOND;
  Connection *first = joint ? open_connection(true, 0) : open_connection(false, 0);
  while (!is_answered(first) || now_ns() < limit - 30 * SECOND + 50 * MILLISECOND) {
    if (ended > 0) fail("a connection ended while joining");
    if (now_ns() > limit) fail("the server does not answer the handshake");
    tick(MILLISECOND);
  }
  u64 began = now_ns();
  open_all(joint ? 1 : 0, joint ? publishers : 1, server_descriptors(), limit);
  while (not_joined > 0) {
    if (ended > 0) fail("a connection ended while joining");
    if (now_ns() > limit) fail("not all came in within 30 s");
    say_hello();
    for (u64 next = now_ns() + 100 * MILLISECOND; now_ns() < next && not_joined > 0;) tick(MILLISECOND);
    /* A connection that does not receive its own frames has joined when others have. */
    if (!echo && first->receives && !first->is_in && not_joined == 1) first->is_in = true, not_joined--;
  }
  return (double)(now_ns() - began) / 1e6;
}

/* Frames that are under way. */
static u64 missing(void) {
  u64 count = 0;
  for (int index = 0; index < connected; index++) {
    const Connection *connection = connections[index];
    if (!connection->receives) continue;
    for (int publisher = 0; publisher < publishers; publisher++)
      if ((echo || connection->publisher != publisher) && connection->next[publisher] < sent[publisher])
        count += sent[publisher] - connection->next[publisher];
  }
  return count;
}

/* Waits until every connection has received everything. Returns whether they have. */
static bool level(u64 nanoseconds) {
  u64 limit = now_ns() + nanoseconds;
  for (u64 looked = 0; now_ns() < limit; ) {
    tick(MILLISECOND);
    if (now_ns() - looked < 5 * MILLISECOND) continue;
    looked = now_ns();
    bool unsent = false;
    for (int publisher = 0; publisher < publishers; publisher++) unsent |= publishing[publisher]->out_to > 0;
    if (!unsent && missing() == 0) return true;
    if (ended > 0) return false;
  }
  return false;
}

/* --- clients that come and go --- */

enum { PASSING_LIMIT = 4000, PASSING_ADDRESSES = 64 }; /* how many of them may be there at a time, and their addresses */
static u64 passed, passing_began, passing_opened, passing;
static Connection *spare; /* those that left, to be used again: `next` leads to the one behind */

/* The first bytes that it receives are a client's last. */
static void leave_again(Connection *connection) {
  ssize_t got = recv(connection->fd, input, READ_SIZE, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) fail("a client that came was turned away");
  close(connection->fd);
  connection->gone = true;
  connection->next = (u32 *)spare;
  spare = connection;
  passed++, passing--;
}

static void keep_churning(u64 now) {
  if (churn == 0) return;
  if (passing_began == 0) passing_began = now;
  u64 wanted = (u64)((double)(now - passing_began) / 1e9 * churn);
  /* A server that is too slow gets no more than it takes: what it does not take is not made up for. */
  if (wanted > passing_opened + 1000) passing_opened = wanted - 1000;
  for (; passing_opened < wanted && passing < PASSING_LIMIT; passing_opened++, passing++) {
    Connection *connection = spare;
    if (connection != NULL) spare = (Connection *)connection->next;
    else connection = malloc(sizeof *connection);
    *connection = (Connection){.passes = true, .publisher = -1};
    connection->fd = open_socket(1 + (int)(passing_opened % PASSING_ADDRESSES));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    epoll_ctl(poller, EPOLL_CTL_ADD, connection->fd, &event);
  }
}

static double stormed; /* milliseconds until the handshakes of all that came at once were done */
static u64 storm_began, storm_expects;

/* Many connect at once, while the load goes on. */
static void begin_storm(void) {
  storm_began = now_ns();
  storm_expects = handshakes + (u64)storm;
  counted_from = storm_began;
  for (int count = 0; count < storm; count++) open_connection(false, -1);
}

/* Delays are counted until all are in. */
static void look_at_storm(u64 now) {
  if (storm_began == 0 || stormed > 0 || handshakes < storm_expects) return;
  stormed = (double)(now - storm_began) / 1e6;
  counted_to = now;
}

static void load_until(u64 limit) {
  for (u64 now; (now = now_ns()) < limit && ended == 0;) {
    keep_churning(now);
    if (window > 0) {
      refill();
      tick(MILLISECOND);
    } else {
      keep_schedule(now);
      look_at_storm(now);
      u64 next = due(scheduled), later = now_ns();
      tick(next > later ? least(next - later, MILLISECOND) : 0);
    }
  }
}

static void print_delays(void) {
  const char *comma = "";
  printf("\"delays\":[");
  for (u64 slot = 0; slot < SLOTS; slot++) {
    if (delays[slot] == 0) continue;
    printf("%s[%llu,%llu]", comma, (unsigned long long)value_of_slot(slot), (unsigned long long)delays[slot]);
    comma = ",";
  }
  printf("]");
}

static u64 received_now(void) {
  u64 count = 0;
  for (int index = 0; index < connected; index++) count += connections[index]->received;
  return count;
}

/* All connections join, the load runs for a while, then is measured, and in the end all must have received everything. */
static void run_load(void) {
  double joined = join_all();
  long memory_joined = server_memory("VmRSS");
  int descriptors = server_descriptors();
  if (stuck > 0) open_socket(0);
  if (!level(5 * SECOND)) fail("not all received the first frames");
  for (int index = 0; index < connected; index++) connections[index]->received = connections[index]->order = 0;
  u32 *sent_before = malloc((size_t)publishers * sizeof(u32));
  memcpy(sent_before, sent, (size_t)publishers * sizeof(u32));
  total_sent = total_received = late = 0;
  schedule_began = now_ns();
  u64 from = schedule_began + (u64)(ramp * 1e9), to = from + (u64)(seconds * 1e9);
  counted_from = from;
  counted_to = to;
  Time server[2] = {{0, 0}, {0, 0}}, own[2] = {{0, 0}, {0, 0}};
  u64 received[2] = {0, 0}, published[2] = {0, 0}, reads[2] = {0, 0}, time[2] = {0, 0}, came[2] = {0, 0};
  if (seconds > 0) {
    load_until(from);
    time[0] = now_ns(), server[0] = time_of(server_pid), own[0] = time_of(getpid());
    received[0] = received_now(), published[0] = total_sent, reads[0] = total_reads, came[0] = passed;
    if (storm > 0) begin_storm();
    load_until(to);
    if (storm > 0 && stormed == 0) fail("not all handshakes were done in time");
    time[1] = now_ns(), server[1] = time_of(server_pid), own[1] = time_of(getpid());
    received[1] = received_now(), published[1] = total_sent, reads[1] = total_reads, came[1] = passed;
  }
  /* Not asked of the client's socket: where a server cannot reset, the end is behind what the client does not read. */
  int left = server_descriptors();
  bool let_go = left > 0 && left <= descriptors;
  bool all = level((u64)(patience * 1e9));
  /* A server that is only slow has lost nothing. */
  u64 under_way = all || ended > 0 ? 0 : missing();
  u64 lost = 0, repeated = 0, disorder = 0;
  for (int index = 0; index < connected; index++) {
    const Connection *connection = connections[index];
    if (!connection->receives) continue;
    u64 expected = total_sent;
    if (connection->publisher >= 0 && !echo) expected -= sent[connection->publisher] - sent_before[connection->publisher];
    if (connection->received > expected) repeated += connection->received - expected;
    if (connection->received < expected) lost += expected - connection->received;
    if (ordered && all && echo && connection->order != connections[joint ? 0 : 1]->order) disorder++;
  }
  printf("{\"stormed\":%.3f,", stormed);
  printf("\"joined\":%.3f,\"seconds\":%.6f,\"sent\":%llu,\"received\":%llu,\"reads\":%llu,", joined, (double)(time[1] - time[0]) / 1e9,
         (unsigned long long)(published[1] - published[0]), (unsigned long long)(received[1] - received[0]),
         (unsigned long long)(reads[1] - reads[0]));
  printf("\"serverProcessor\":%.6f,\"loadProcessor\":%.6f,", server[1].busy - server[0].busy,
         own[1].busy - own[0].busy);
  printf("\"serverStarved\":%.6f,\"loadStarved\":%.6f,", server[1].starved - server[0].starved,
         own[1].starved - own[0].starved);
  printf("\"passed\":%llu,", (unsigned long long)(came[1] - came[0]));
  printf("\"letGo\":%d,", stuck > 0 && let_go ? 1 : 0);
  printf("\"memoryJoined\":%ld,\"memoryPeak\":%ld,", memory_joined, server_memory("VmHWM"));
  printf("\"underWay\":%llu,\"lost\":%llu,\"repeated\":%llu,\"late\":%llu,\"corrupt\":%llu,\"ended\":%llu,\"disorder\":%llu,",
         (unsigned long long)under_way, (unsigned long long)(lost > under_way ? lost - under_way : 0), (unsigned long long)repeated, (unsigned long long)late, (unsigned long long)corrupt,
         (unsigned long long)ended, (unsigned long long)disorder);
  print_delays();
  printf("}\n");
}

/* Tells the server to stop. Returns after how many milliseconds it had let all connections go, or -1. */
static double drain(void) {
  u64 began = now_ns(), limit = began + 60 * SECOND;
  if (server_pid <= 0 || kill(server_pid, SIGTERM) < 0) return -1;
  while (ended < (u64)connected && now_ns() < limit) tick(MILLISECOND);
  return ended < (u64)connected ? -1 : (double)(now_ns() - began) / 1e6;
}

/* Many idle connections, and one whose frames no connection receives: what does an event cost? */
static void run_idle(void) {
  publishers = 1;
  Connection *active = open_connection(false, 0);
  pass(SECOND / 2);
  long memory_before = server_memory("VmRSS");
  int descriptors = server_descriptors();
  for (int count = 0; count < idle; count++) {
    open_connection(false, -1);
    if (count % joining == joining - 1) pass(20 * MILLISECOND);
  }
  /* Where it is known how many are accepted, a busy machine gets the time that it needs. */
  for (u64 late = now_ns() + 30 * SECOND; descriptors > 0 && server_descriptors() - descriptors < idle;) {
    if (now_ns() > late) fail("not all were accepted in time");
    pass(100 * MILLISECOND);
  }
  for (u64 limit = now_ns() + 60 * SECOND; over_tls && handshakes < (u64)connected;) {
    if (now_ns() > limit) fail("not all handshakes were done in time");
    pass(20 * MILLISECOND);
  }
  pass(SECOND);
  long memory_after = server_memory("VmRSS");
  u64 began = now_ns(), pings = 0, from = began + (u64)(ramp * 1e9), to = from + (u64)(seconds * 1e9), counted = 0;
  Time server = {0, 0}, own = {0, 0};
  bool counting = false;
  for (u64 now; (now = now_ns()) < to && ended == 0;) {
    if (!counting && now >= from) counting = true, counted = pings, server = time_of(server_pid), own = time_of(getpid());
    u64 next = began + (u64)((double)pings * 1e9 / rate);
    if (next <= now) {
      ssize_t taken = active->session ? session_send(active->session, ping.at, ping.length)
                                      : send(active->fd, ping.at, ping.length, MSG_NOSIGNAL);
      if (taken == (ssize_t)ping.length) pings++;
    } else {
      tick(least(next - now, MILLISECOND));
    }
  }
  Time server_after = time_of(server_pid), own_after = time_of(getpid());
  printf("{\"idle\":%d,\"seconds\":%.6f,\"events\":%llu,\"serverProcessor\":%.6f,\"loadProcessor\":%.6f,", idle, seconds,
         (unsigned long long)(pings - counted), server_after.busy - server.busy, own_after.busy - own.busy);
  printf("\"serverStarved\":%.6f,\"loadStarved\":%.6f,", server_after.starved - server.starved,
         own_after.starved - own.starved);
  printf("\"memoryBefore\":%ld,\"memoryAfter\":%ld,\"memoryPeak\":%ld,\"ended\":%llu", memory_before, memory_after,
         server_memory("VmHWM"), (unsigned long long)ended);
  if (drains) printf(",\"drained\":%.3f", drain());
  printf("}\n");
}

int main(int count, char **arguments) {
  read_arguments(count, arguments);
  prctl(PR_SET_TIMERSLACK, 1);
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  poller = epoll_create1(0);
  stride = received_prefix.length + (size_t)size + received_suffix.length;
  sent_stride = sent_prefix.length + (size_t)size + sent_suffix.length;
  template_frame = malloc(sent_stride);
  run = (u32)now_ns();
  series = malloc((size_t)size + FILLINGS);
  for (u32 index = 0; index < (u32)size + FILLINGS; index++) series[index] = (u8)(index * 167 >> 3);
  if (sent_prefix.length > 0) memcpy(template_frame, sent_prefix.at, sent_prefix.length);
  if (sent_suffix.length > 0) memcpy(template_frame + sent_stride - sent_suffix.length, sent_suffix.at, sent_suffix.length);
  connections = calloc((size_t)(receivers + publishers + idle + storm + 1), sizeof *connections);
  publishing = calloc((size_t)publishers, sizeof *publishing);
  sent = calloc((size_t)publishers, sizeof *sent);
  if (idle > 0) run_idle();
  else run_load();
  fflush(stdout);
  /* A reset leaves no port waiting for a minute. */
  struct linger none = {.l_onoff = 1, .l_linger = 0};
  for (int index = 0; index < connected; index++)
    if (!connections[index]->gone) setsockopt(connections[index]->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  return 0;
}
