/* SPDX-License-Identifier: MIT */
/* pg_exchange: one statement's way to a PostgreSQL server and its results' way
 * back, by the functions of libpq that do not block. */
#include "core/pg_exchange.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "core/fd_wait.h"
#include "core/text.h"

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
  (void)PQsetNoticeReceiver(session, ignore_notice, NULL);
}

/* The socket may change between two steps of connecting, so it is looked up
 * each time. */
int pg_exchange_wait(const struct pg_exchange *exchange, short events,
                     struct error *error) {
  int code = fd_wait(PQsocket(exchange->session), events, exchange->cancel_fd,
                     exchange->deadline_ms);
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
  return pg_exchange_set_error(PQerrorMessage(exchange->session), -EPIPE,
                               error);
}

/* Waits for one of the events, then takes in what has arrived. What waits in
 * the socket is counted: libpq takes all of it, and keeps it until the whole
 * result is there. */
static int receive_bytes(struct pg_exchange *exchange, short events,
                         struct error *error) {
  int bytes = 0;
  int code = pg_exchange_wait(exchange, events, error);
  if (code != 0) {
    return code;
  }
  if (ioctl(PQsocket(exchange->session), FIONREAD, &bytes) != 0 || bytes < 0) {
    bytes = 0; /* a lost connection: libpq has the words */
  }
  if ((size_t)bytes > exchange->bytes_left) {
    return error_set(error, -EMSGSIZE, "the server's answer is too long");
  }
  exchange->bytes_left -= (size_t)bytes;
  return PQconsumeInput(exchange->session) != 0
             ? 0
             : set_session_error(exchange, error);
}

/* Receives while it sends, or both sides could wait for each other. */
int pg_exchange_flush(struct pg_exchange *exchange, struct error *error) {
  int left;
  while ((left = PQflush(exchange->session)) == 1) {
    int code = receive_bytes(exchange, POLLIN | POLLOUT, error);
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
  while (PQisBusy(exchange->session) != 0) {
    int code = receive_bytes(exchange, POLLIN, error);
    if (code != 0) {
      return code;
    }
  }
  PGresult *result = PQgetResult(exchange->session);
  ExecStatusType status = PQresultStatus(result);
  if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT ||
      status == PGRES_COPY_BOTH) {
    PQclear(result);
    return error_set(error, -EPROTO, "unexpected answer: %s",
                     PQresStatus(status));
  }
  *ret = result;
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
