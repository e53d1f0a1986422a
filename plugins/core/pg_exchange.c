/* SPDX-License-Identifier: MIT */
/* pg_exchange: one statement's way to a PostgreSQL server and its results' way
 * back, by the functions of libpq that do not block. */
#include "core/pg_exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/shared_library.h"
#include "core/text.h"

#define PIECE_BYTES 16384 /* fits into any socket */

#define PQ_FUNCTIONS(X)                                                        \
  X(PQ, clear)                                                                 \
  X(PQ, consumeInput)                                                          \
  X(PQ, errorMessage)                                                          \
  X(PQ, flush)                                                                 \
  X(PQ, getResult)                                                             \
  X(PQ, isBusy)                                                                \
  X(PQ, resStatus)                                                             \
  X(PQ, resultStatus)                                                          \
  X(PQ, setNoticeReceiver)                                                     \
  X(PQ, socket)
SHARED_LIBRARY(pq, PQ_FUNCTIONS, LIBPQ_SONAME);

int pg_exchange_load_library(struct error *error) {
  return shared_library_load(&pq_library, NULL, error);
}

int pg_exchange_set_error(const char *message, int code, struct error *error) {
  char line[ERROR_TEXT_BYTES];
  char text[ERROR_TEXT_BYTES];
  (void)snprintf(line, sizeof(line), "%.*s", (int)strcspn(message, "\n"),
                 message);
  text_escape(text, sizeof(text), line);
  return error_set(error, code, "%s", text);
}

static void ignore_notice(void *context, const PGresult *notice) {
  (void)context;
  (void)notice;
}

void pg_exchange_ignore_notices(PGconn *session) {
  (void)pq.setNoticeReceiver(session, ignore_notice, NULL);
}

/* The socket may change between two steps of connecting, so it is looked up
 * each time. */
int pg_exchange_wait(const struct pg_exchange *exchange, short events,
                     struct error *error) {
  int code = clock_wait_fd(pq.socket(exchange->session), events,
                           exchange->cancel_fd, exchange->deadline_ms);
  switch (code) {
  case 0:
    return 0;
  case -ETIMEDOUT:
    return error_set(error, code, "no answer in time");
  case -ECANCELED:
    return error_set(error, code, "collectd stops");
  default:
    return error_set(error, -EPIPE, "cannot wait: %s", strerror(-code));
  }
}

static int set_session_error(const struct pg_exchange *exchange,
                             struct error *error) {
  return pg_exchange_set_error(pq.errorMessage(exchange->session), -EPIPE,
                               error);
}

/* Lets libpq read LEN bytes, and no more, from a socket pair that takes the
 * place of the session's socket meanwhile. Twice: of a TLS record libpq may
 * leave the second half, for which no poll() would wake. */
static int feed_session(struct pg_exchange *exchange, const char *bytes,
                        size_t len, struct error *error) {
  int fd = pq.socket(exchange->session);
  int pair[2];
  int code = 0;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                 pair) != 0) {
    return error_set(error, -EPIPE, "no socket pair: %s", strerror(errno));
  }
  int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0 || send(pair[1], bytes, len, MSG_NOSIGNAL) != (ssize_t)len ||
      dup3(pair[0], fd, O_CLOEXEC) < 0) {
    code = error_set(error, -EPIPE, "no socket pair: %s", strerror(errno));
  } else if (pq.consumeInput(exchange->session) == 0 ||
             pq.consumeInput(exchange->session) == 0) {
    code = set_session_error(exchange, error);
  }
  if (own >= 0) {
    if (pq.socket(exchange->session) == fd) { /* else libpq has closed it */
      (void)dup3(own, fd, O_CLOEXEC);
    }
    (void)close(own);
  }
  (void)close(pair[0]);
  (void)close(pair[1]);
  return code;
}

/* Waits for bytes and hands them to libpq, which itself would read as long as
 * the server sends: for a message of a gigabyte it makes room at once. */
static int receive_bytes(struct pg_exchange *exchange, struct error *error) {
  char bytes[PIECE_BYTES];
  int code = pg_exchange_wait(exchange, POLLIN, error);
  if (code != 0) {
    return code;
  }
  ssize_t len =
      recv(pq.socket(exchange->session), bytes, sizeof(bytes), MSG_DONTWAIT);
  if (len <= 0) { /* the end, or an error: libpq has the words */
    return (len < 0 && (errno == EAGAIN || errno == EINTR)) ||
                   pq.consumeInput(exchange->session) != 0
               ? 0
               : set_session_error(exchange, error);
  }
  if ((size_t)len > exchange->bytes_left) {
    return error_set(error, -EMSGSIZE, "the server's answer is too long");
  }
  exchange->bytes_left -= (size_t)len;
  return feed_session(exchange, bytes, (size_t)len, error);
}

/* A server reads a whole statement before it answers, so nothing is received
 * meanwhile. */
int pg_exchange_flush(struct pg_exchange *exchange, struct error *error) {
  int left;
  while ((left = pq.flush(exchange->session)) == 1) {
    int code = pg_exchange_wait(exchange, POLLOUT, error);
    if (code != 0) {
      return code;
    }
  }
  return left == 0 ? 0 : set_session_error(exchange, error);
}

/* PQgetResult() does not block as long as PQisBusy() is false. */
int pg_exchange_receive(struct pg_exchange *exchange, PGresult **ret,
                        struct error *error) {
  *ret = NULL;
  while (pq.isBusy(exchange->session) != 0) {
    int code = receive_bytes(exchange, error);
    if (code != 0) {
      return code;
    }
  }
  PGresult *result = pq.getResult(exchange->session);
  ExecStatusType status = pq.resultStatus(result);
  if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT ||
      status == PGRES_COPY_BOTH) {
    pq.clear(result);
    return error_set(error, -EPROTO, "unexpected answer: %s",
                     pq.resStatus(status));
  }
  *ret = result;
  return 0;
}

/* "127.0.0.1.example.net" may be anywhere. "": libpq's default. */
static bool is_own_machine(const char *host) {
  return strchr("/@", host[0]) != NULL || text_is_loopback(host);
}

int pg_exchange_check_hosts(const char *hosts, struct error *error) {
  char host[256];
  while (hosts != NULL) {
    const char *comma = strchr(hosts, ',');
    (void)snprintf(host, sizeof(host), "%.*s", (int)strcspn(hosts, ","), hosts);
    if (!is_own_machine(host)) {
      return error_set(error, -EINVAL,
                       "Host %s is another machine: write SSLMode "
                       "\"verify-full\", or another mode of libpq",
                       host);
    }
    hosts = comma == NULL ? NULL : comma + 1;
  }
  return 0;
}

int pg_exchange_check_pass_file(const char *value, struct error *error) {
  struct stat status;
  if (value[0] != '/') {
    return error_set(error, -EINVAL, "must be an absolute path");
  }
  if (stat(value, &status) != 0) {
    return 0; /* the first connection reports it */
  }
  if (!S_ISREG(status.st_mode)) {
    return error_set(error, -EINVAL, "is not a plain file");
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return error_set(error, -EPERM,
                     "may be read by others (mode %04o); chmod 0600 it",
                     (unsigned)status.st_mode & 07777U);
  }
  return 0;
}
