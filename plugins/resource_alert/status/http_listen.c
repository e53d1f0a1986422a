/* SPDX-License-Identifier: MIT */
/* http_listen: sockets that listen, and their addresses in the options. */
#include "resource_alert/status/http_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/trusted_path.h"

#define LISTEN_BACKLOG 64
#define GROUP_BYTES 16384 /* of a group with many members */

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

int http_listen_check_address(const char *text, struct error *error) {
  struct sockaddr_storage address;
  socklen_t bytes = 0;
  return parse_listen_address(text, &address, &bytes, error);
}

int http_listen_check_socket_path(const char *path, struct error *error) {
  if (path[0] != '/') {
    return error_set(error, -EINVAL, "is not an absolute path");
  }
  if (strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
    return error_set(error, -EINVAL, "is too long for a unix socket");
  }
  return 0;
}

int http_listen_tcp(const char *address, struct error *error) {
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

int http_listen_unix(const char *path, const char *group, struct error *error) {
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
