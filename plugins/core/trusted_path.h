/* SPDX-License-Identifier: MIT */
/* trusted_path: the one module that turns a path into a descriptor. collectd
 * may run as root while other users own directories on the path: each name is
 * looked up once, without following links unseen, and what was checked is what
 * is used. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "core/error.h"

/* Whom the names on a path may belong to. */
enum trusted_path_kind {
  /* What we make: a link on the way is followed only if it and its directory
   * are root's or ours and cannot be written by others; one at the end never.
   */
  TRUSTED_PATH_OWN,
  /* What an administrator names: such a link is followed at the end, too. */
  TRUSTED_PATH_GIVEN,
  /* A program: so are all directories, and what is at the end. */
  TRUSTED_PATH_PROGRAM,
  /* A log of an application: its links are followed, too. */
  TRUSTED_PATH_LOG,
};

/* Where a path leads: a name in a directory. */
struct trusted_path {
  int directory; /* owned, close(); for the functions that end in at */
  char name[NAME_MAX + 2]; /* no link, unless one was put there since; a name
                              that is too long stays too long */
  bool has_foreign_link;   /* of TRUSTED_PATH_LOG: one of another user */
};

/* Follows PATH up to its last name, which need not be there. A directory that
 * is missing is made with make_mode, whatever the umask is; 0: it is an error.
 * Returns 0, or a negative errno with what is wrong, and what to write. */
int trusted_path_walk(const char *path, enum trusted_path_kind kind,
                      mode_t make_mode, struct trusted_path *ret,
                      struct error *error);

/* Opens PATH with FLAGS, and with O_NOFOLLOW, O_NONBLOCK and O_CLOEXEC. mode:
 * with O_CREAT, of a new file, whatever the umask is; those who may read it may
 * also enter the directories that are made for it. Returns the descriptor,
 * yours, or a negative errno; -EMLINK to write to a file that has another name,
 * too. */
int trusted_path_open(const char *path, enum trusted_path_kind kind, int flags,
                      mode_t mode, struct error *error);

/* Removes the file at PATH. Returns 0 or a negative errno. */
int trusted_path_remove(const char *path, struct error *error);

/* Gives a socket of ours to the group, and then the mode 0660. Returns 0 or a
 * negative errno; -EPERM for what is not our socket. */
int trusted_path_share_socket(const struct trusted_path *place, gid_t group);

/* Opens a log for reading. What is no regular file is not opened: -EINVAL. Nor
 * is a private file of root's or ours where a link of another user leads to it:
 * -EPERM. */
int trusted_path_open_log(const char *path);

/* Checks that PATH, absolute, is a regular file that can be executed, and that
 * nobody but root and us can change what is run. ret: where it is, yours to
 * close; may be NULL.
 * Returns 0, or a negative errno with what is wrong and what to write. */
int trusted_path_find_program(const char *path, struct trusted_path *ret,
                              struct error *error);

/* Reads a password, token or key, which is in a file of its own so that it can
 * be changed; without the white space at its end. The file must be root's or
 * ours, and readable by its owner and our groups only. may_be_public: also by
 * everybody, as the tokens that Kubernetes mounts.
 * *ret_text: yours, trusted_path_forget_secret().
 * Returns 0; -EPERM for a file of another user or that others can read; another
 * negative errno. The content is never in an error. */
int trusted_path_read_secret(const char *path, bool may_be_public,
                             char **ret_text, struct error *error);

/* Overwrites and frees. Accepts NULL. */
void trusted_path_forget_secret(char *text);
