/* SPDX-License-Identifier: MIT */
/* tail_file: one file of a log, whatever its name, and how far it was read. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/log.h"
#include "session_log/tail/frame.h"

/* ---- which file this is, whatever its name ---- */

/* A free inode number is reused at once; the two files differ in their time of
 * birth. */
struct tail_file_identity {
  uint64_t device;
  uint64_t inode;
  int64_t born_ns; /* 0 where the file system does not keep it */
};

struct tail_file_status {
  struct tail_file_identity identity;
  uint64_t size;
  int64_t modified_ns; /* since the epoch */
  bool is_regular;
  bool is_directory;
  bool is_linked; /* its path is a symbolic link to it */
};

/* Follow symbolic links. Return 0 or negative errno. */
int tail_file_stat_path(const char *path, struct tail_file_status *ret_status);
int tail_file_stat_fd(int fd, struct tail_file_status *ret_status);

bool tail_file_is_same(const struct tail_file_identity *a,
                       const struct tail_file_identity *b);

/* pread(2), repeated after a signal and a short read. Returns the bytes read,
 * less only at the end of the file; negative errno. */
int64_t tail_file_read_at(int fd, void *data, size_t bytes, uint64_t from);

/* ---- how far it was read ---- */

enum tail_file_state {
  TAIL_FILE_FOLLOWED, /* read as it grows */
  TAIL_FILE_COPY,     /* holds what its original holds: not read */
  TAIL_FILE_DONE,     /* read to its end, or older than the plugin */
  TAIL_FILE_NEW, /* not classified yet: only within rotation_classify_files() */
};

/* Bytes of content that are compared: at a file's head and before an offset. */
#define TAIL_FILE_HEAD_BYTES 1024
#define TAIL_FILE_MARKER_BYTES 256

/* A hash of what a file held at one place. bytes == 0: nothing is known. */
struct tail_file_mark {
  uint64_t from; /* offset in the file */
  uint32_t bytes;
  uint64_t hash;
};

struct tail_file {
  enum tail_file_state state;
  struct tail_file_identity identity;
  char *path;                     /* owned: its name at the last scan */
  char *first_path;               /* owned: its name when it was found */
  int fd;                         /* -1 while closed */
  uint64_t size;                  /* at the last check */
  int64_t modified_ns;            /* the same */
  int64_t read_ns;                /* modified_ns when it had been read whole */
  uint64_t read_bytes;            /* its size then; read_ns == 0: never */
  uint64_t offset;                /* start of the first unfinished line */
  struct tail_file_mark head;     /* from the first data byte on */
  struct tail_file_mark marker;   /* the bytes before the offset */
  struct tail_file_mark former;   /* the marker before a truncation */
  struct tail_file *original;     /* of a copy; borrowed */
  struct log_complaint complaint; /* about opening and reading it */
  enum frame_format frame;        /* FRAME_AUTO: not decided yet */
  const struct frame_text *text;  /* of the lines handed over; NULL: no frame */
  int64_t closing_ms; /* when to close it, monotonic; 0: not rotated */
  int watch_number;   /* of file_watch; negative: not watched */
  bool is_live;       /* named by a pattern at the last scan */
  bool is_listed;     /* found by the last scan */
  bool is_skipping;   /* in the rest of an over-long line */
  bool is_final;      /* no process writes to it: its end ends a line */
  bool is_truncated;  /* found shrunk or changed by this check */
  bool is_quiet;      /* found unchanged by this check */
  bool is_settled;    /* a change would change its times */
  bool is_drained;    /* read up to its end, for now */
  bool was_drained;   /* the same, before this poll */
  bool was_short;     /* found shrunk by the last check */
};

/* Returns NULL when memory is short. */
struct tail_file *tail_file_new(const char *first_path, const char *path,
                                const struct tail_file_status *status);
void tail_file_free(struct tail_file *file); /* accepts NULL */

/* Stores a new name. Returns 0 or -ENOMEM. */
int tail_file_set_path(struct tail_file *file, const char *path);

/* Opens it unless it is open. Returns 0; -ESTALE if its path is
 * another file now; -EMFILE if logs hold half of the descriptors that the
 * process may have; or another negative errno. */
int tail_file_open(struct tail_file *file);
void tail_file_close(struct tail_file *file);

/* Puts the offset at the end, for a file that is older than the plugin: behind
 * its last newline, so that an unfinished line will be read whole. The file is
 * open. Returns 0 or negative errno. */
int tail_file_seek_end(struct tail_file *file);

/* Puts the offset at OFFSET, which a line begins at. The file is open. Returns
 * 0 or negative errno. */
int tail_file_resume_at(struct tail_file *file, uint64_t offset);

/* The same without a look at the content, for a file that will not be read. */
void tail_file_skip_all(struct tail_file *file);

/* Checks whether the file still holds what was read; sets size, is_truncated
 * and is_quiet. wall_ns: the time since the epoch. Returns 0; -EAGAIN where a
 * remote file looks shrunk for the first time, which may be a stale size; or
 * another negative errno. */
int tail_file_check_content(struct tail_file *file, int64_t wall_ns);

/* Starts at the beginning after a truncation. Returns 0 or negative errno. */
int tail_file_rewind(struct tail_file *file);

/* When the byte at OFFSET was written, as if the file had grown evenly since it
 * was last read to its end, or was made. Nanoseconds since the epoch. */
int64_t tail_file_guess_written_ns(const struct tail_file *file,
                                   uint64_t offset);

enum tail_file_relation {
  TAIL_FILE_UNRELATED,
  TAIL_FILE_IS_COPY,
  TAIL_FILE_UNSURE, /* the original has just changed: try later */
};

/* How COPY (open) relates to what ORIGINAL holds or, truncated, held. */
enum tail_file_relation tail_file_compare_content(const struct tail_file *copy,
                                                  struct tail_file *original);

/* Read at once: what fits the second-level cache is scanned fastest. */
#define TAIL_FILE_CHUNK_BYTES 262144
#define TAIL_FILE_CHUNK_BYTES_MIN 8192

/* Grows for over-long lines only. All zero is an empty one. */
struct tail_file_buffer {
  char *data; /* owned */
  size_t bytes;
  struct frame_text text; /* without frames */
};

struct tail_file_limits {
  int64_t max_line_bytes; /* the rest of a longer line is skipped */
  int64_t max_bytes;      /* at one call */
  int format;             /* enum frame_format; FRAME_AUTO: each file's own */
};

struct tail_file_counts {
  uint64_t bytes;
  uint64_t long_lines;
};

/* lines: receives whole lines, their frames removed, each with its newline; the
 * last one may lack it where the file ends for good or the line is cut.
 * Borrowed for the call. */
struct tail_file_sink {
  void (*lines)(void *context, const struct tail_file *file, const char *data,
                size_t bytes);
  void *context;
};

void tail_file_buffer_fini(struct tail_file_buffer *buffer);

/* Reads FILE (open, checked) up to its end or the limit, and moves its
 * offset, marker and head. An unfinished last line waits, unless the file is
 * final. read(2), never mmap: a truncation would kill the daemon.
 * Returns 0; -EAGAIN if the content changed in the meantime, which the next
 * check finds; -ENOMEM; or another negative errno. */
int tail_file_read(struct tail_file *file, struct tail_file_buffer *buffer,
                   const struct tail_file_limits *limits,
                   const struct tail_file_sink *sink,
                   struct tail_file_counts *counts);
