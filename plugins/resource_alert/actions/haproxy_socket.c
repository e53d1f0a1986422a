/* SPDX-License-Identifier: MIT */
/* haproxy_socket: HAProxy's runtime API. */
#include "resource_alert/actions/haproxy_socket.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/clock.h"

static int wait_for(int fd, short events, const struct action_call *call,
                    struct error *error) {
  struct pollfd fds[] = {{.fd = fd, .events = events},
                         {.fd = call->cancel_fd, .events = POLLIN}};
  int ready = poll(fds, 2, clock_left_ms(call->deadline_ms));
  if (ready == 0) {
    return error_set(error, -ETIMEDOUT, "HAProxy does not answer in time");
  }
  if (ready > 0 && fds[1].revents != 0) {
    return error_set(error, -ECANCELED, "collectd stops");
  }
  return 0;
}

static int open_socket(const char *path, int *ret_fd, struct error *error) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof(address.sun_path)) {
    return error_set(error, -ENAMETOOLONG, "%s: path is too long", path);
  }
  memcpy(address.sun_path, path, strlen(path) + 1);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 ||
      connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
    int code = -errno;
    if (fd >= 0) {
      (void)close(fd);
    }
    return error_set(error, code, "%s: %s", path, strerror(-code));
  }
  *ret_fd = fd;
  return 0;
}

static int send_line(int fd, const char *line, const struct action_call *call,
                     struct error *error) {
  size_t bytes = strlen(line);
  for (size_t sent = 0; sent < bytes;) {
    ssize_t put = send(fd, line + sent, bytes - sent, MSG_NOSIGNAL);
    if (put > 0) {
      sent += (size_t)put;
      continue;
    }
    if (errno != EAGAIN && errno != EINTR) {
      int code = -errno;
      return error_set(error, code, "HAProxy: %s", strerror(-code));
    }
    int code = wait_for(fd, POLLOUT, call, error);
    if (code != 0) {
      return code;
    }
  }
  return 0;
}

static int take_answer(int fd, char *answer, const struct action_call *call,
                       struct error *error) {
  size_t bytes = 0;
  for (;;) {
    int code = wait_for(fd, POLLIN, call, error);
    if (code != 0) {
      return code;
    }
    ssize_t got = recv(fd, answer + bytes, HAPROXY_ANSWER_BYTES - 1 - bytes, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
      continue;
    }
    if (got < 0) {
      code = -errno;
      return error_set(error, code, "HAProxy: %s", strerror(-code));
    }
    bytes += (size_t)got;
    if (bytes + 1 >= HAPROXY_ANSWER_BYTES) {
      return error_set(error, -EMSGSIZE, "HAProxy's answer is too long");
    }
    if (got == 0) {
      answer[bytes] = '\0';
      return 0;
    }
  }
}

static int talk(const char *path, const char *line, char *answer,
                const struct action_call *call, struct error *error) {
  char text[1024];
  int fd = -1;
  if (strpbrk(line, "\r\n;") != NULL ||
      snprintf(text, sizeof(text), "%s\n", line) >= (int)sizeof(text)) {
    return error_set(error, -EINVAL, "a line that HAProxy must not get");
  }
  int code = open_socket(path, &fd, error);
  if (code == 0) {
    code = send_line(fd, text, call, error);
    code = code == 0 ? take_answer(fd, answer, call, error) : code;
    (void)close(fd);
  }
  return code;
}

int haproxy_ask(const char *socket_path, const char *line, char **ret_answer,
                const struct action_call *call, struct error *error) {
  char *answer = malloc(HAPROXY_ANSWER_BYTES);
  if (answer == NULL) {
    return error_set(error, -ENOMEM, "out of memory");
  }
  int code = talk(socket_path, line, answer, call, error);
  if (code == 0 && ret_answer != NULL) {
    *ret_answer = answer;
    return 0;
  }
  if (code == 0 && answer[strspn(answer, " \n")] != '\0') {
    code = error_set(error, -EIO, "HAProxy: %s: %.*s", line,
                     (int)strcspn(answer, "\n"), answer);
  }
  free(answer);
  return code;
}
