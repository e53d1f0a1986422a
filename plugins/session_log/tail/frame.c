/* SPDX-License-Identifier: MIT */
/* frame: takes off what a container runtime puts around each line of an
 * application, and the \uXXXX of JSON strings.
 *
 * Nothing is kept from call to call: a line whose last part is missing is
 * decoded again when it has arrived, so that the position in the file is all
 * that a restart needs. */
#include "session_log/tail/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STREAMS 2 /* stdout and stderr */
#define DOCKER_START "{\"log\":\""
#define DOCKER_START_BYTES (sizeof(DOCKER_START) - 1)
/* What decides a file's format. */
#define DETECT_BYTES ((size_t)4096)

/* A run over the data: where each stream's line is put together. */
struct frame_run {
  struct frame_text *text;
  struct frame_text parts[STREAMS]; /* of unfinished lines */
  size_t open_bytes;                /* in all of them */
};

/* One frame of the data. */
struct frame_part {
  const char *text;
  size_t bytes;
  size_t stream;
  bool is_last; /* of its line */
  bool is_escaped;
  const char *time;
  size_t time_bytes;
};

void frame_text_fini(struct frame_text *text) {
  free(text->data);
  free(text->lines);
  *text = (struct frame_text){0};
}

const char *frame_describe(enum frame_format format) {
  static const char *const names[] = {
      [FRAME_AUTO] = "no lines yet",
      [FRAME_PLAIN] = "plain lines",
      [FRAME_CRI] = "lines of a container runtime (CRI)",
      [FRAME_DOCKER] = "lines of Docker's json-file",
      [FRAME_JSON] = "lines of JSON",
      [FRAME_UTF16] = "text in UTF-16",
  };
  return names[format];
}

/* Makes room for BYTES more. Returns 0 or -ENOMEM. */
static int reserve_text(struct frame_text *text, size_t bytes) {
  if (text->max - text->bytes >= bytes) {
    return 0;
  }
  size_t max = text->bytes + bytes + text->max / 2 + 1024;
  char *data = realloc(text->data, max);
  if (data == NULL) {
    return -ENOMEM;
  }
  text->data = data;
  text->max = max;
  return 0;
}

static int add_line_start(struct frame_text *text,
                          const struct frame_part *part) {
  if (text->len == text->lines_max) {
    size_t max = text->lines_max * 2 + 256;
    struct frame_line *lines = realloc(text->lines, max * sizeof(*lines));
    if (lines == NULL) {
      return -ENOMEM;
    }
    text->lines = lines;
    text->lines_max = max;
  }
  text->lines[text->len++] = (struct frame_line){
      .at = text->bytes, .time = part->time, .time_bytes = part->time_bytes};
  return 0;
}

/* ---- JSON strings ---- */

static int parse_hex_digit(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

/* TEXT is what follows "\u". Returns the code unit, or -1. */
static int32_t parse_unit(const char *text, const char *end) {
  int32_t unit = 0;
  if (end - text < 4) {
    return -1;
  }
  for (int i = 0; i < 4; i++) {
    int digit = parse_hex_digit(text[i]);
    if (digit < 0) {
      return -1;
    }
    unit = unit * 16 + digit;
  }
  return unit;
}

/* AT is a backslash. Returns the character of its \uXXXX or pair of them and
 * moves AT behind it; -1 where it is none, or half of a pair. */
static int32_t parse_escaped_unicode(const char **at, const char *end) {
  const char *text = *at;
  int32_t unit =
      end - text >= 6 && text[1] == 'u' ? parse_unit(text + 2, end) : -1;
  if (unit < 0 || (unit >= 0xdc00 && unit < 0xe000)) {
    return -1;
  }
  if (unit < 0xd800 || unit >= 0xe000) {
    *at = text + 6;
    return unit;
  }
  int32_t low = end - text >= 12 && text[6] == '\\' && text[7] == 'u'
                    ? parse_unit(text + 8, end)
                    : -1;
  if (low < 0xdc00 || low >= 0xe000) {
    return -1;
  }
  *at = text + 12;
  return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
}

/* Writes at most four bytes. Returns how many. */
static size_t write_utf8(char *out, int32_t code) {
  if (code < 0x80) {
    out[0] = (char)code;
    return 1;
  }
  size_t more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  static const unsigned char first[] = {0, 0xc0, 0xe0, 0xf0};
  out[0] = (char)(first[more] | (unsigned)code >> (6 * more));
  for (size_t i = 1; i <= more; i++) {
    out[i] = (char)(0x80 | ((unsigned)code >> (6 * (more - i)) & 0x3f));
  }
  return more + 1;
}

/* Copies the string in TEXT without its escapes; the room is at least as large.
 * Returns the bytes written. */
static size_t unescape_string(const char *text, size_t bytes, char *out) {
  static const char names[] = "\"\\/bfnrt";
  static const char values[] = "\"\\/\b\f\n\r\t";
  const char *end = text + bytes;
  char *to = out;
  while (text < end) {
    const char *escape = memchr(text, '\\', (size_t)(end - text));
    size_t plain = (size_t)((escape == NULL ? end : escape) - text);
    memcpy(to, text, plain);
    to += plain;
    text += plain;
    if (escape == NULL || end - escape < 2) {
      break;
    }
    const char *name = memchr(names, escape[1], sizeof(names) - 1);
    int32_t code =
        name != NULL ? values[name - names] : parse_escaped_unicode(&text, end);
    if (code < 0) {
      *to++ = *text++; /* invalid: kept */
      continue;
    }
    text += name != NULL ? 2 : 0;
    to += write_utf8(to, code);
  }
  if (text < end) {
    *to++ = *text; /* a lone backslash at the end */
  }
  return (size_t)(to - out);
}

/* Replaces the \uXXXX beyond ASCII in a JSON text, in place. The other escapes
 * stay, since they would change where its strings end. Returns its bytes. */
static size_t decode_json(char *data, size_t bytes) {
  const char *end = data + bytes;
  const char *at = data;
  char *to = data;
  while (at < end) {
    const char *escape = memchr(at, '\\', (size_t)(end - at));
    size_t plain = (size_t)((escape == NULL ? end : escape) - at);
    memmove(to, at, plain);
    to += plain;
    at += plain;
    if (escape == NULL) {
      break;
    }
    const char *next = at;
    int32_t code = parse_escaped_unicode(&next, end);
    if (code >= 0x80) {
      to += write_utf8(to, code);
      at = next;
      continue;
    }
    size_t kept = end - at < 2 ? 1 : 2; /* "\\" is not the start of one */
    memmove(to, at, kept);
    to += kept;
    at += kept;
  }
  return (size_t)(to - data);
}

/* ---- frames ---- */

#define LANES ((size_t)16)
typedef uint8_t frame_lanes __attribute__((vector_size(LANES)));
typedef uint64_t frame_halves __attribute__((vector_size(LANES)));

/* Returns the closing quote of the string that TEXT is in, or END.
 * *ret_escape: its first backslash, or NULL. */
static const char *find_string_end(const char *text, const char *end,
                                   const char **ret_escape) {
  *ret_escape = NULL;
  while (text < end) {
    frame_lanes here;
    while ((size_t)(end - text) >= LANES) {
      memcpy(&here, text, LANES);
      frame_halves found = (frame_halves)((here == '"') | (here == '\\'));
      if ((found[0] | found[1]) != 0) {
        break;
      }
      text += LANES;
    }
    while (text < end && *text != '"' && *text != '\\') {
      text++;
    }
    if (text >= end || *text == '"') {
      return text;
    }
    *ret_escape = *ret_escape == NULL ? text : *ret_escape;
    text += end - text < 2 ? 1 : 2;
  }
  return end;
}

/* Finds the value of the string KEY, as "\"time\":\"", in the rest of a docker
 * frame. Returns its bytes; 0 for none. */
static size_t find_docker_value(const char *rest, const char *end,
                                const char *key, const char **ret_value) {
  size_t key_bytes = strlen(key);
  const char *found = memmem(rest, (size_t)(end - rest), key, key_bytes);
  if (found == NULL) {
    return 0;
  }
  *ret_value = found + key_bytes;
  const char *quote = memchr(*ret_value, '"', (size_t)(end - *ret_value));
  return quote == NULL ? 0 : (size_t)(quote - *ret_value);
}

/* The stream and the time, which follow the text. */
static void parse_docker_fields(const char *rest, const char *end,
                                struct frame_part *part) {
  static const char usual[] = "\",\"stream\":\"stdXXX\",\"time\":\"";
  const size_t stream_at = 15; /* of "out" and "err" */
  const char *stream = NULL;
  size_t bytes = (size_t)(end - rest);
  if (bytes > sizeof(usual) && memcmp(rest, usual, stream_at) == 0 &&
      memcmp(rest + stream_at + 3, usual + stream_at + 3,
             sizeof(usual) - 1 - stream_at - 3) == 0) {
    part->stream = rest[stream_at] == 'e' ? 1 : 0;
    part->time = rest + sizeof(usual) - 1;
    const char *quote = memchr(part->time, '"', (size_t)(end - part->time));
    part->time_bytes = quote == NULL ? 0 : (size_t)(quote - part->time);
    return;
  }
  size_t stream_bytes = find_docker_value(rest, end, "\"stream\":\"", &stream);
  part->stream = stream_bytes == 6 && memcmp(stream, "stderr", 6) == 0 ? 1 : 0;
  part->time_bytes = find_docker_value(rest, end, "\"time\":\"", &part->time);
}

/* True if the escape of a newline is the last one; "\\\\n" is a backslash. */
static bool ends_with_newline(const char *text, size_t bytes) {
  size_t slashes = 0;
  if (bytes < 2 || text[bytes - 1] != 'n') {
    return false;
  }
  while (slashes + 1 < bytes && text[bytes - 2 - slashes] == '\\') {
    slashes++;
  }
  return slashes % 2 == 1;
}

static bool parse_docker(const char *line, size_t bytes,
                         struct frame_part *part) {
  const char *end = line + bytes;
  if (bytes < DOCKER_START_BYTES ||
      memcmp(line, DOCKER_START, DOCKER_START_BYTES) != 0) {
    return false;
  }
  part->text = line + DOCKER_START_BYTES;
  const char *escape = NULL;
  const char *quote = find_string_end(part->text, end, &escape);
  part->bytes = (size_t)(quote - part->text);
  bool has_newline = ends_with_newline(part->text, part->bytes);
  part->bytes -= has_newline ? 2 : 0;
  part->is_last = quote == end || has_newline;
  part->is_escaped = escape != NULL && escape < part->text + part->bytes;
  parse_docker_fields(quote, end, part);
  return quote == end || part->time_bytes > 0;
}

/* "2016-10-06T00:17:09.669794202Z stdout F TEXT"; the tag may have more behind
 * a colon. */
static bool parse_cri(const char *line, size_t bytes, struct frame_part *part) {
  const char *end = line + bytes;
  const char *space = memchr(line, ' ', bytes < 48 ? bytes : 48);
  if (space == NULL || space - line < 20 || line[4] != '-' || line[10] != 'T' ||
      end - space < 10 ||
      (memcmp(space, " stdout ", 8) != 0 &&
       memcmp(space, " stderr ", 8) != 0) ||
      (space[8] != 'P' && space[8] != 'F')) {
    return false;
  }
  const char *tag = space + 8;
  const char *text = memchr(tag, ' ', (size_t)(end - tag));
  if (text == NULL || (tag[1] != ' ' && tag[1] != ':')) {
    return false;
  }
  *part = (struct frame_part){.text = text + 1,
                              .bytes = (size_t)(end - text - 1),
                              .stream = space[4] == 'e' ? 1 : 0,
                              .is_last = *tag == 'F',
                              .time = line,
                              .time_bytes = (size_t)(space - line)};
  return true;
}

/* Adds the part's text, a JSON string where it is escaped. */
static int add_part(struct frame_text *text, const struct frame_part *part) {
  if (reserve_text(text, part->bytes + 1) != 0) {
    return -ENOMEM;
  }
  char *to = text->data + text->bytes;
  if (part->is_escaped) {
    text->bytes += unescape_string(part->text, part->bytes, to);
  } else if (part->bytes > 0) {
    memcpy(to, part->text, part->bytes);
    text->bytes += part->bytes;
  }
  return 0;
}

/* Ends the last line of the text. */
static void end_line(struct frame_text *text) {
  size_t start = text->lines[text->len - 1].at;
  char *line = text->data + start;
  size_t bytes = text->bytes - start;
  if (bytes > 0 && line[0] == '{') {
    text->bytes = start + decode_json(line, bytes);
  }
  text->data[text->bytes++] = '\n';
}

/* Moves what a stream has so far to the end of the text, as its own line. */
static int move_open_line(struct frame_run *run, struct frame_text *open) {
  const struct frame_part part = {.text = open->data,
                                  .bytes = open->bytes,
                                  .time = open->lines[0].time,
                                  .time_bytes = open->lines[0].time_bytes};
  int code = add_line_start(run->text, &part);
  code = code == 0 ? add_part(run->text, &part) : code;
  run->open_bytes -= open->bytes;
  open->bytes = 0;
  open->len = 0;
  return code;
}

static int add_frame(struct frame_run *run, const struct frame_part *part) {
  struct frame_text *open = &run->parts[part->stream];
  int code = 0;
  if (part->is_last && open->len == 0) {
    code = add_line_start(run->text, part);
  } else if (part->is_last) {
    code = move_open_line(run, open);
  } else {
    size_t before = open->bytes;
    code = open->len == 0 ? add_line_start(open, part) : 0;
    code = code == 0 ? add_part(open, part) : code;
    run->open_bytes += open->bytes - before;
    return code;
  }
  code = code == 0 ? add_part(run->text, part) : code;
  if (code == 0) {
    end_line(run->text);
  }
  return code;
}

static bool parse_frame(enum frame_format format, const char *line,
                        size_t bytes, struct frame_part *ret_part) {
  *ret_part =
      (struct frame_part){.text = line, .bytes = bytes, .is_last = true};
  struct frame_part part = {0};
  if ((format == FRAME_DOCKER && parse_docker(line, bytes, &part)) ||
      (format == FRAME_CRI && parse_cri(line, bytes, &part))) {
    *ret_part = part;
    return true;
  }
  return false;
}

static bool has_open_line(const struct frame_run *run) {
  return run->parts[0].len + run->parts[1].len > 0;
}

static int flush_open_lines(struct frame_run *run) {
  int code = 0;
  for (size_t i = 0; i < STREAMS && code == 0; i++) {
    if (run->parts[i].len > 0) {
      code = move_open_line(run, &run->parts[i]);
      if (code == 0) {
        end_line(run->text);
      }
    }
  }
  return code;
}

/* Frames up to the last one at which no line is open. */
static int decode_frames(struct frame_run *run, enum frame_format format,
                         const char *data, size_t bytes, bool is_flushed,
                         size_t *ret_taken) {
  size_t kept = 0; /* bytes of the text that belong to *ret_taken */
  size_t at = 0;
  int code = 0;
  *ret_taken = 0;
  while (at < bytes && code == 0) {
    const char *newline = memchr(data + at, '\n', bytes - at);
    size_t len = newline == NULL ? bytes - at : (size_t)(newline - data) - at;
    struct frame_part part;
    if (!parse_frame(format, data + at, len, &part)) {
      code = add_line_start(run->text, &part);
      code = code == 0 ? add_part(run->text, &part) : code;
      if (code == 0) {
        end_line(run->text);
      }
    } else {
      code = add_frame(run, &part);
    }
    at += len + (newline == NULL ? 0 : 1);
    if (!has_open_line(run)) {
      kept = run->text->bytes;
      *ret_taken = at;
    }
  }
  if (is_flushed && code == 0) {
    code = flush_open_lines(run);
    kept = run->text->bytes;
    *ret_taken = at;
  }
  run->text->bytes = kept;
  return code;
}

int frame_decode(enum frame_format format, const char *data, size_t bytes,
                 bool is_flushed, struct frame_text *text, size_t *ret_taken) {
  struct frame_run run = {.text = text};
  text->bytes = 0;
  text->len = 0;
  int code = reserve_text(text, bytes + bytes / 8);
  code = code == 0
             ? decode_frames(&run, format, data, bytes, is_flushed, ret_taken)
             : code;
  for (size_t i = 0; i < STREAMS; i++) {
    frame_text_fini(&run.parts[i]);
  }
  return code;
}

/* memchr(3) is ten times as fast as memmem(3) for two bytes. */
static bool has_unicode_escape(const char *data, size_t bytes) {
  const char *end = data + bytes;
  while ((data = memchr(data, '\\', (size_t)(end - data))) != NULL) {
    if (++data < end && *data == 'u') {
      return true;
    }
  }
  return false;
}

bool frame_is_decoded(enum frame_format format, const char *data,
                      size_t bytes) {
  return format == FRAME_PLAIN || format == FRAME_UTF16 ||
         (format == FRAME_JSON && !has_unicode_escape(data, bytes));
}

size_t frame_find_time(const struct frame_text *text, size_t at,
                       const char **ret_time) {
  size_t low = 0;
  size_t high = text->len;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (text->lines[middle].at <= at) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0 || text->lines[low - 1].time_bytes == 0) {
    return 0;
  }
  *ret_time = text->lines[low - 1].time;
  return text->lines[low - 1].time_bytes;
}

/* ---- which format ---- */

/* A mark at its start, or ASCII characters with a NUL beside each. */
static bool is_utf16(const char *data, size_t bytes) {
  size_t nuls[2] = {0, 0};
  if (bytes >= 2 &&
      (memcmp(data, "\xff\xfe", 2) == 0 || memcmp(data, "\xfe\xff", 2) == 0)) {
    return true;
  }
  bytes = bytes < 256 ? bytes : 256;
  for (size_t i = 0; i < bytes; i++) {
    nuls[i % 2] += data[i] == '\0';
  }
  return (nuls[0] == 0) != (nuls[1] == 0) && (nuls[0] + nuls[1]) * 4 > bytes;
}

enum frame_format frame_detect(const char *data, size_t bytes) {
  bytes = bytes < DETECT_BYTES ? bytes : DETECT_BYTES;
  if (is_utf16(data, bytes)) {
    return FRAME_UTF16;
  }
  enum frame_format format = FRAME_PLAIN;
  for (size_t at = 0; at < bytes && format == FRAME_PLAIN;) {
    const char *newline = memchr(data + at, '\n', bytes - at);
    size_t len = newline == NULL ? bytes - at : (size_t)(newline - data) - at;
    struct frame_part part;
    if (parse_frame(FRAME_DOCKER, data + at, len, &part)) {
      format = FRAME_DOCKER;
    } else if (parse_frame(FRAME_CRI, data + at, len, &part)) {
      format = FRAME_CRI;
    } else if (len > 1 && data[at] == '{' && data[at + 1] == '"') {
      format = FRAME_JSON;
    }
    at += len + 1;
  }
  return format;
}
