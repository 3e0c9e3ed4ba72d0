/*
 * TLS of the load generator, with OpenSSL: sessions on non-blocking sockets that behave as `recv` and `send` do. The server's
 * certificate is not checked: this measures the server. Without -DOVER_TLS there is none, and nothing of OpenSSL is needed.
 */
#ifdef OVER_TLS
#include <openssl/ssl.h>
#include <signal.h>
#else
typedef void SSL;
#endif

typedef struct {
  SSL *ssl;
  int fd;
  bool open;        /* the handshake is done */
  bool needs_room;  /* the handshake waits for room to send, not for what is received */
  size_t greeted;   /* bytes of the end of the greeting that were seen */
} Session;

static u64 handshakes; /* those that are done */

#ifdef OVER_TLS

static SSL_CTX *tls;

static void prepare_tls(void) {
  tls = SSL_CTX_new(TLS_client_method());
  if (tls == NULL) fail("no TLS");
  /* OpenSSL writes to sockets whose other end may be gone. */
  signal(SIGPIPE, SIG_IGN);
  SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL);
  /* A session that is resumed has no certificate and costs less: each handshake here is a whole one. */
  SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  /* The cipher that every server here takes, so that all do the same work. */
  SSL_CTX_set_ciphersuites(tls, "TLS_AES_128_GCM_SHA256");
  SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
  /* One call of the system for many records, instead of two for each. */
  SSL_CTX_set_read_ahead(tls, 1);
  SSL_CTX_set_default_read_buffer_len(tls, 128 * 1024);
}

static Session *new_session(int fd) {
  Session *session = calloc(1, sizeof *session);
  session->ssl = SSL_new(tls);
  session->fd = fd;
  if (session->ssl == NULL || SSL_set_fd(session->ssl, fd) != 1) fail("no TLS session");
  SSL_set_connect_state(session->ssl);
  return session;
}

/* Sets errno as a call of the system would, for a result of OpenSSL that is no success. */
static void explain(Session *session, int result) {
  int error = SSL_get_error(session->ssl, result);
  session->needs_room = error == SSL_ERROR_WANT_WRITE;
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) errno = EAGAIN;
  else if (error != SSL_ERROR_SYSCALL || errno == 0 || errno == EAGAIN) errno = EPROTO;
}

/* Takes the greeting that a server sends before the handshake, byte by byte: what is behind it is TLS. */
static bool is_greeted(Session *session) {
  u8 byte;
  while (session->greeted < greeting_end.length) {
    ssize_t got = recv(session->fd, &byte, 1, 0);
    if (got == 0) errno = EPROTO;
    if (got <= 0) return session->needs_room = errno == ENOTCONN, false;
    if (byte == greeting_end.at[session->greeted]) session->greeted++;
    else session->greeted = byte == greeting_end.at[0] ? 1 : 0;
  }
  return true;
}

/* Goes on with the handshake. Returns whether it is done; if not, errno says why. */
static bool shake_hands(Session *session) {
  if (!is_greeted(session)) return false;
  errno = 0;
  int result = SSL_do_handshake(session->ssl);
  if (result == 1) {
    handshakes++;
    return session->open = true;
  }
  explain(session, result);
  return false;
}

static ssize_t session_receive(Session *session, u8 *at, size_t length) {
  errno = 0;
  int got = SSL_read(session->ssl, at, (int)length);
  if (got > 0) return got;
  if (SSL_get_error(session->ssl, got) == SSL_ERROR_ZERO_RETURN) return 0;
  explain(session, got);
  return -1;
}

static ssize_t session_send(Session *session, const u8 *at, size_t length) {
  errno = 0;
  int taken = SSL_write(session->ssl, at, (int)length);
  if (taken > 0) return taken;
  explain(session, taken);
  return -1;
}

#else

static void prepare_tls(void) { fail("made without TLS"); }
static Session *new_session(int fd) { return (void)fd, NULL; }
static bool shake_hands(Session *session) { return (void)session, false; }
static ssize_t session_receive(Session *session, u8 *at, size_t length) { return (void)session, (void)at, (void)length, 0; }
static ssize_t session_send(Session *session, const u8 *at, size_t length) { return (void)session, (void)at, (void)length, 0; }

#endif
