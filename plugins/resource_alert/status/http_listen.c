/* SPDX-License-Identifier: MIT */
/* http_listen: sockets that HTTP is answered on. */
#include "resource_alert/status/http_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64
#define GROUP_BYTES 16384 /* of a group with many members */

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

int http_parse_address(const char *text, struct sockaddr_storage *ret_address,
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

/* Takes over DESCRIPTOR: closes it on failure. */
static int bind_and_listen(int descriptor, const struct sockaddr *address,
                           socklen_t bytes) {
  if (bind(descriptor, address, bytes) == 0 &&
      listen(descriptor, BACKLOG) == 0) {
    return descriptor;
  }
  int code = -errno;
  (void)close(descriptor);
  return code;
}

int http_listen_tcp(const char *address, struct error *error) {
  struct sockaddr_storage where = {0};
  socklen_t bytes = 0;
  int code = http_parse_address(address, &where, &bytes, error);
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

/* True if somebody accepts connections there. */
static bool is_answered(const struct sockaddr_un *address) {
  int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  bool is = probe >= 0 && (connect(probe, (const struct sockaddr *)address,
                                   sizeof(*address)) == 0 ||
                           errno == EAGAIN);
  if (probe >= 0) {
    (void)close(probe);
  }
  return is;
}

/* /run is empty after a boot, and Debian's service makes no /run/collectd. */
static void make_directory_of(const char *path) {
  const char *slash = strrchr(path, '/');
  if (slash != NULL && slash != path) {
    struct sockaddr_un directory;
    (void)snprintf(directory.sun_path, sizeof(directory.sun_path), "%.*s",
                   (int)(slash - path), path);
    (void)mkdir(directory.sun_path, 0755); /* bind says what is wrong */
  }
}

/* Removes what a daemon that died left behind. */
static int make_room(const struct sockaddr_un *address) {
  struct stat status;
  if (lstat(address->sun_path, &status) != 0) {
    return errno == ENOENT ? 0 : -errno;
  }
  if (!S_ISSOCK(status.st_mode)) {
    return -EEXIST;
  }
  if (is_answered(address)) {
    return -EADDRINUSE;
  }
  return unlink(address->sun_path) == 0 ? 0 : -errno;
}

static int find_group(const char *name, gid_t *ret_group) {
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

static int bind_private(const struct sockaddr_un *address, const char *group) {
  gid_t owner = 0;
  int code = group == NULL ? 0 : find_group(group, &owner);
  if (code != 0) {
    return code;
  }
  int descriptor =
      socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) {
    return -errno;
  }
  /* The mode that bind() gives the file; nobody else has to wait for it. */
  (void)fchmod(descriptor, 0600);
  if (bind(descriptor, (const struct sockaddr *)address, sizeof(*address)) !=
      0) {
    code = -errno;
  } else if (chmod(address->sun_path, 0600) != 0 ||
             (group != NULL &&
              (chown(address->sun_path, (uid_t)-1, owner) != 0 ||
               chmod(address->sun_path, 0660) != 0)) ||
             listen(descriptor, BACKLOG) != 0) {
    code = -errno;
    (void)unlink(address->sun_path);
  }
  if (code != 0) {
    (void)close(descriptor);
    return code;
  }
  return descriptor;
}

int http_listen_unix(const char *path, const char *group, struct error *error) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
  make_directory_of(address.sun_path);
  int code = make_room(&address);
  if (code == 0) {
    code = bind_private(&address, group);
  }
  if (code == -ENOENT && group != NULL) {
    return error_set(error, code, "%s: no such directory, or no group \"%s\"",
                     path, group);
  }
  return code >= 0 ? code
                   : error_set(error, code, "%s: %s", path, strerror(-code));
}
