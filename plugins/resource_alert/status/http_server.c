/* SPDX-License-Identifier: MIT */
/* http_server: answers HTTP on a TCP or unix socket, with a bound on every
 * resource.
 *
 * GNU libmicrohttpd with one thread and epoll. 256 clients of 32 KB are 8
 * MB at most; a client that sends nothing for 5 s is closed. The handler
 * runs on that thread, so a slow one holds up all clients of the socket,
 * but nothing else. */
#include "resource_alert/status/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/json_util.h"
#include "core/shared_library.h"
#include "core/trusted_path.h"
#include "core/worker_thread.h"

#define LISTEN_BACKLOG 64
#define GROUP_BYTES 16384 /* of a group with many members */

#define MHD_FUNCTIONS(X)                                                       \
  X(MHD_, add_response_header)                                                 \
  X(MHD_, create_response_from_buffer)                                         \
  X(MHD_, destroy_response)                                                    \
  X(MHD_, queue_response)                                                      \
  X(MHD_, start_daemon)                                                        \
  X(MHD_, stop_daemon)
SHARED_LIBRARY(mhd, MHD_FUNCTIONS, LIBMICROHTTPD_SONAME);

/* ---- requests ---- */

struct http_server {
  struct MHD_Daemon *daemon;
  struct http_server_handler handler;
};

/* A request while its body comes in. */
struct request_body {
  size_t bytes;
  bool is_too_large;
  char body[HTTP_SERVER_BODY_BYTES_MAX + 1];
};

/* The page loads nothing from elsewhere and cannot be framed. */
static const char content_policy[] =
    "default-src 'none'; style-src 'unsafe-inline'; script-src "
    "'unsafe-inline'; connect-src 'self'; img-src data:; frame-ancestors "
    "'none'; base-uri 'none'; form-action 'none'";

void http_server_set_json(struct http_server_reply *reply, unsigned status,
                          json_t *json) {
  char *text = json_util_dump(json, JSON_COMPACT);
  json_decref(json);
  reply->type = "application/json";
  reply->status = text == NULL ? 500 : status;
  reply->body = text;
  reply->constant_body = text == NULL ? "{}" : NULL;
  reply->bytes = text == NULL ? 2 : strlen(text);
}

/* Takes reply->body in any case. The headers matter only for the page, and do
 * no harm to JSON. */
static enum MHD_Result send_reply(struct MHD_Connection *connection,
                                  struct http_server_reply *reply) {
  union { /* the library never writes to what must persist */
    const void *constant;
    void *data;
  } body = {.constant = reply->constant_body};
  struct MHD_Response *response =
      reply->body != NULL
          ? mhd.create_response_from_buffer(reply->bytes, reply->body,
                                            MHD_RESPMEM_MUST_FREE)
          : mhd.create_response_from_buffer(reply->bytes, body.data,
                                            MHD_RESPMEM_PERSISTENT);
  if (response == NULL) {
    free(reply->body);
    return MHD_NO;
  }
  (void)mhd.add_response_header(response, "Content-Type", reply->type);
  (void)mhd.add_response_header(response, "Cache-Control", "no-store");
  (void)mhd.add_response_header(response, "X-Content-Type-Options", "nosniff");
  (void)mhd.add_response_header(response, "Referrer-Policy", "no-referrer");
  (void)mhd.add_response_header(response, "Content-Security-Policy",
                                content_policy);
  enum MHD_Result result =
      mhd.queue_response(connection, reply->status, response);
  mhd.destroy_response(response);
  return result;
}

/* text: a literal, which outlives the response. */
static void set_text_reply(struct http_server_reply *reply, unsigned status,
                           const char *text) {
  *reply = (struct http_server_reply){.status = status,
                                      .type = "text/plain; charset=utf-8",
                                      .constant_body = text,
                                      .bytes = strlen(text)};
}

static void append_request_body(struct request_body *body, const char *data,
                                size_t bytes) {
  if (bytes > HTTP_SERVER_BODY_BYTES_MAX - body->bytes) {
    body->is_too_large = true;
    return;
  }
  memcpy(body->body + body->bytes, data, bytes);
  body->bytes += bytes;
}

/* Called for the headers, for each piece of the body, and at its end. */
static enum MHD_Result on_library_call(void *context,
                                       struct MHD_Connection *connection,
                                       const char *url, const char *method,
                                       const char *version, const char *data,
                                       size_t *data_bytes, void **state) {
  (void)version;
  const struct http_server *server = context;
  struct request_body *body = *state;
  if (body == NULL) {
    *state = calloc(1, sizeof(*body));
    return *state == NULL ? MHD_NO : MHD_YES;
  }
  if (*data_bytes > 0) {
    append_request_body(body, data, *data_bytes);
    *data_bytes = 0;
    return MHD_YES;
  }
  struct http_server_reply reply = {0};
  if (body->is_too_large) {
    set_text_reply(&reply, MHD_HTTP_CONTENT_TOO_LARGE,
                   "the body is too large\n");
  } else {
    const struct http_server_request request = {
        .method = method, .path = url, .body = body->body};
    server->handler.handle(server->handler.context, &request, &reply);
  }
  if (reply.status == 0) {
    set_text_reply(&reply, MHD_HTTP_NOT_FOUND, "no such page\n");
  }
  return send_reply(connection, &reply);
}

/* Called also when the client has closed the connection in the middle of its
 * body. */
static void on_request_end(void *context, struct MHD_Connection *connection,
                           void **state, enum MHD_RequestTerminationCode code) {
  (void)context;
  (void)connection;
  (void)code;
  free(*state);
  *state = NULL;
}

/* The library would write to standard error. */
__attribute__((format(printf, 2, 0))) static void
discard_library_log(void *context, const char *format, va_list arguments) {
  (void)context;
  (void)format;
  (void)arguments;
}

int http_server_start(int descriptor, const struct http_server_handler *handler,
                      struct http_server **ret_server, struct error *error) {
  struct http_server *server = calloc(1, sizeof(*server));
  int code = server == NULL ? error_set(error, -ENOMEM, "out of memory")
                            : shared_library_load(&mhd_library, NULL, error);
  if (code != 0) {
    (void)close(descriptor);
    free(server);
    return code;
  }
  server->handler = *handler;
  sigset_t before;
  worker_thread_block_signals(&before);
  server->daemon = mhd.start_daemon(
      MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL | MHD_USE_ITC, 0, NULL,
      NULL, on_library_call, server, MHD_OPTION_EXTERNAL_LOGGER,
      discard_library_log, NULL, MHD_OPTION_LISTEN_SOCKET, descriptor,
      MHD_OPTION_NOTIFY_COMPLETED, on_request_end, NULL,
      MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_SERVER_CLIENTS_MAX,
      MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_SERVER_IDLE_S,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_SERVER_MEMORY_BYTES,
      MHD_OPTION_END);
  worker_thread_restore_signals(&before);
  if (server->daemon == NULL) {
    (void)close(descriptor);
    free(server);
    return error_set(error, -EIO, "the HTTP server cannot start");
  }
  *ret_server = server;
  return 0;
}

void http_server_stop(struct http_server *server) {
  if (server == NULL) {
    return;
  }
  mhd.stop_daemon(server->daemon);
  free(server);
}

/* ---- listening ---- */

/* strtoul() alone would accept a sign, spaces and nothing at all. */
static int parse_port(const char *text, in_port_t *ret_port) {
  char *rest = NULL;
  errno = 0;
  unsigned long port = strtoul(text, &rest, 10);
  if (text[0] < '0' || text[0] > '9' || *rest != '\0' || errno != 0 ||
      port == 0 || port > 65535) {
    return -EINVAL;
  }
  *ret_port = htons((in_port_t)port);
  return 0;
}

/* Reads "ADDRESS:PORT" or "[ADDRESS]:PORT"; numbers only, so that no resolver
 * is needed. */
static int parse_listen_address(const char *text,
                                struct sockaddr_storage *ret_address,
                                socklen_t *ret_bytes, struct error *error) {
  const char *colon = strrchr(text, ':');
  char host[INET6_ADDRSTRLEN + 2];
  in_port_t port = 0;
  size_t length = colon == NULL ? 0 : (size_t)(colon - text);
  if (colon == NULL || length >= sizeof(host) ||
      parse_port(colon + 1, &port) != 0) {
    return error_set(error, -EINVAL, "is not ADDRESS:PORT");
  }
  memcpy(host, text, length);
  host[length] = '\0';
  *ret_address = (struct sockaddr_storage){0};
  struct sockaddr_in *v4 = (struct sockaddr_in *)ret_address;
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret_address;
  if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = port;
    *ret_bytes = sizeof(*v4);
    return 0;
  }
  bool is_bracketed = length > 2 && host[0] == '[' && host[length - 1] == ']';
  if (is_bracketed) {
    host[length - 1] = '\0';
  }
  if (is_bracketed && inet_pton(AF_INET6, host + 1, &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = port;
    *ret_bytes = sizeof(*v6);
    return 0;
  }
  return error_set(error, -EINVAL,
                   "has no numeric address before the port, such as 127.0.0.1 "
                   "or [::1]");
}

/* descriptor: closed on failure. */
static int bind_and_listen(int descriptor, const struct sockaddr *address,
                           socklen_t bytes) {
  if (bind(descriptor, address, bytes) == 0 &&
      listen(descriptor, LISTEN_BACKLOG) == 0) {
    return descriptor;
  }
  int code = -errno;
  (void)close(descriptor);
  return code;
}

int http_server_check_address(const char *text, struct error *error) {
  struct sockaddr_storage address;
  socklen_t bytes = 0;
  return parse_listen_address(text, &address, &bytes, error);
}

int http_server_check_socket_path(const char *path, struct error *error) {
  if (path[0] != '/') {
    return error_set(error, -EINVAL, "is not an absolute path");
  }
  if (strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
    return error_set(error, -EINVAL, "is too long for a unix socket");
  }
  return 0;
}

int http_server_listen_tcp(const char *address, struct error *error) {
  struct sockaddr_storage where = {0};
  socklen_t bytes = 0;
  int code = parse_listen_address(address, &where, &bytes, error);
  if (code != 0) {
    error_prefix(error, "%s", address);
    return code;
  }
  int descriptor =
      socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) {
    return error_set(error, -errno, "%s: %s", address, strerror(errno));
  }
  const int yes = 1;
  (void)setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  if (where.ss_family == AF_INET6) {
    (void)setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
  }
  code = bind_and_listen(descriptor, (struct sockaddr *)&where, bytes);
  return code >= 0 ? code
                   : error_set(error, code, "%s: %s", address, strerror(-code));
}

/* True if another process accepts connections there. */
static bool is_socket_in_use(const struct sockaddr_un *address) {
  int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  bool is = probe >= 0 && (connect(probe, (const struct sockaddr *)address,
                                   sizeof(*address)) == 0 ||
                           errno == EAGAIN);
  if (probe >= 0) {
    (void)close(probe);
  }
  return is;
}

/* Removes the socket of a daemon that died. */
static int remove_stale_socket(const struct trusted_path *place,
                               const struct sockaddr_un *address) {
  struct stat status;
  if (fstatat(place->directory, place->name, &status, AT_SYMLINK_NOFOLLOW) !=
      0) {
    return errno == ENOENT ? 0 : -errno;
  }
  if (!S_ISSOCK(status.st_mode)) {
    return -EEXIST;
  }
  if (is_socket_in_use(address)) {
    return -EADDRINUSE;
  }
  return unlinkat(place->directory, place->name, 0) == 0 ? 0 : -errno;
}

/* -ENOENT where there is no such group. */
static int find_group_id(const char *name, gid_t *ret_group) {
  char buffer[GROUP_BYTES];
  struct group entry;
  struct group *found = NULL;
  int code = getgrnam_r(name, &entry, buffer, sizeof(buffer), &found);
  if (found == NULL) {
    return code == 0 ? -ENOENT : -code;
  }
  *ret_group = found->gr_gid;
  return 0;
}

/* Returns the descriptor (yours) or a negative errno. */
static int bind_unix_socket(const struct trusted_path *place,
                            const struct sockaddr_un *address,
                            const char *group) {
  gid_t owner = 0;
  int code = group == NULL ? 0 : find_group_id(group, &owner);
  if (code != 0) {
    return code;
  }
  int descriptor =
      socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) {
    return -errno;
  }
  /* bind() creates the file with this mode: no other user can connect before
   * it is the group's. */
  (void)fchmod(descriptor, 0600);
  if (bind(descriptor, (const struct sockaddr *)address, sizeof(*address)) !=
      0) {
    code = -errno;
  } else {
    code = group == NULL ? 0 : trusted_path_share_socket(place, owner);
    if (code == 0 && listen(descriptor, LISTEN_BACKLOG) != 0) {
      code = -errno;
    }
    if (code != 0) {
      (void)unlinkat(place->directory, place->name, 0);
    }
  }
  if (code != 0) {
    (void)close(descriptor);
    return code;
  }
  return descriptor;
}

int http_server_listen_unix(const char *path, const char *group,
                            struct error *error) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct trusted_path place;
  /* /run is empty after a boot, and Debian's service makes no /run/collectd. */
  int code = trusted_path_walk(path, TRUSTED_PATH_OWN, 0755, &place, error);
  if (code != 0) {
    return code;
  }
  /* bind() knows no descriptors: this is the directory that was found. */
  (void)snprintf(address.sun_path, sizeof(address.sun_path),
                 "/proc/self/fd/%d/%.80s", place.directory, place.name);
  code = remove_stale_socket(&place, &address);
  if (code == 0) {
    code = bind_unix_socket(&place, &address, group);
  }
  (void)close(place.directory);
  if (code == -ENOENT && group != NULL) {
    return error_set(error, code, "%s: no such directory, or no group \"%s\"",
                     path, group);
  }
  return code >= 0 ? code
                   : error_set(error, code, "%s: %s", path, strerror(-code));
}
