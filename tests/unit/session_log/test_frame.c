/* SPDX-License-Identifier: MIT */
/* frame: what is left of a line when its frame is taken off. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "session_log/tail/frame.h"

/* Decodes DATA from a copy without a byte more. */
static const char *decode_with(enum frame_format format, const char *data,
                               bool is_flushed, size_t *ret_taken) {
  static char result[65536];
  struct frame_text text = {0};
  size_t bytes = strlen(data);
  char *copy = malloc(bytes + 1);
  assert_non_null(copy);
  memcpy(copy, data, bytes);
  assert_int_equal(
      frame_decode(format, copy, bytes, is_flushed, &text, ret_taken), 0);
  assert_true(text.bytes < sizeof(result));
  if (text.bytes > 0) {
    memcpy(result, text.data, text.bytes);
  }
  result[text.bytes] = '\0';
  frame_text_fini(&text);
  free(copy);
  return result;
}

static const char *decode(enum frame_format format, const char *data) {
  size_t taken = 0;
  return decode_with(format, data, false, &taken);
}

#define DOCKER(text, stream)                                                   \
  "{\"log\":\"" text "\",\"stream\":\"" stream                                 \
  "\",\"time\":\"2026-11-30T14:00:00.123456789Z\"}\n"
#define CRI(stream, tag, text)                                                 \
  "2026-11-30T14:00:00.123456789Z " stream " " tag " " text "\n"

static void docker_lines_are_unescaped(void **state) {
  (void)state;
  assert_string_equal(decode(FRAME_DOCKER, DOCKER("ERROR failed\\n", "stderr")),
                      "ERROR failed\n");
  assert_string_equal(
      decode(
          FRAME_DOCKER,
          DOCKER("{\\\"level\\\": \\\"error\\\", \\\"a\\\": 1}\\n", "stdout")
              DOCKER("\\u003ca\\u003e\\t\\u4e2d\\ud83d\\ude00\\n", "stdout")),
      "{\"level\": \"error\", \"a\": 1}\n<a>\t\xe4\xb8\xad\xf0\x9f\x98\x80\n");
  assert_string_equal(decode(FRAME_DOCKER, DOCKER("\\n", "stdout")), "\n");
  assert_string_equal(decode(FRAME_DOCKER, "not docker's\n"), "not docker's\n");
}

static void docker_parts_are_joined_for_each_stream(void **state) {
  (void)state;
  assert_string_equal(decode(FRAME_DOCKER,
                             DOCKER("Creating new ", "stdout")
                                 DOCKER("one\\n", "stderr")
                                     DOCKER("database session\\n", "stdout")),
                      "one\nCreating new database session\n");
  /* A backslash and an n are no newline. */
  assert_string_equal(decode(FRAME_DOCKER, DOCKER("C:\\\\n", "stdout")
                                               DOCKER("ew\\n", "stdout")),
                      "C:\\new\n");
}

static void cri_parts_are_joined_for_each_stream(void **state) {
  (void)state;
  assert_string_equal(decode(FRAME_CRI, CRI("stdout", "P", "Creating new ") CRI(
                                            "stderr", "F", "ERROR other")
                                            CRI("stdout", "P", "database ")
                                                CRI("stdout", "F", "session")),
                      "ERROR other\nCreating new database session\n");
  assert_string_equal(decode(FRAME_CRI, CRI("stdout", "F:x", "tagged")),
                      "tagged\n");
  assert_string_equal(decode(FRAME_CRI, CRI("stdout", "F", "")), "\n");
}

static void an_unfinished_line_waits_with_all_behind_it(void **state) {
  (void)state;
  size_t taken = 0;
  const char *data = CRI("stdout", "F", "one") CRI("stdout", "P", "half")
      CRI("stderr", "F", "other");
  assert_string_equal(decode_with(FRAME_CRI, data, false, &taken), "one\n");
  assert_int_equal(taken, strlen(CRI("stdout", "F", "one")));
  assert_string_equal(decode_with(FRAME_CRI, data, true, &taken),
                      "one\nother\nhalf\n");
  assert_int_equal(taken, strlen(data));
}

static void json_keeps_what_bounds_its_strings(void **state) {
  (void)state;
  assert_string_equal(
      decode(FRAME_JSON,
             "{\"m\": \"\\u9519\\u8bef \\\"x\\\" \\u0022 \\\\u4e2d\"}\n"
             "plain \\u4e2d\n"),
      "{\"m\": \"\xe9\x94\x99\xe8\xaf\xaf \\\"x\\\" \\u0022 \\\\u4e2d\"}\n"
      "plain \\u4e2d\n");
  assert_string_equal(
      decode(FRAME_JSON,
             "{\"m\": \"\\ud83d \\ude00 \\ud83d\\ude00 \\u12g4 \\u12\"}\n"),
      "{\"m\": \"\\ud83d \\ude00 \xf0\x9f\x98\x80 \\u12g4 \\u12\"}\n");
}

static void the_time_of_the_frame_is_found(void **state) {
  (void)state;
  const char *data = CRI("stdout", "F", "one") "raw\n" CRI("stderr", "F", "x");
  struct frame_text text = {0};
  size_t taken = 0;
  const char *time = NULL;
  assert_int_equal(
      frame_decode(FRAME_CRI, data, strlen(data), false, &text, &taken), 0);
  assert_int_equal(frame_find_time(&text, 0, &time), 30);
  assert_memory_equal(time, "2026-11-30T14:00:00.123456789Z", 30);
  assert_int_equal(frame_find_time(&text, 4, &time), 0);
  assert_int_equal(frame_find_time(&text, 8, &time), 30);
  frame_text_fini(&text);
}

static void the_format_is_detected(void **state) {
  (void)state;
  static const struct {
    const char *data;
    enum frame_format format;
  } cases[] = {
      {DOCKER("a\\n", "stdout"), FRAME_DOCKER},
      {CRI("stdout", "F", "a"), FRAME_CRI},
      {"{\"event\": \"a\"}\n", FRAME_JSON},
      {"banner\n{\"event\": \"a\"}\n", FRAME_JSON},
      {"{\"log\":\"the application's own key\"}\n", FRAME_JSON},
      {"2026-11-30T14:00:00Z INFO stdout is closed\n", FRAME_PLAIN},
      {"{not json}\n", FRAME_PLAIN},
      {"\n", FRAME_PLAIN},
      {"\xff\xfex", FRAME_UTF16},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    enum frame_format format =
        frame_detect(cases[i].data, strlen(cases[i].data));
    if (format != cases[i].format) {
      fail_msg("%s: %d", cases[i].data, (int)format);
    }
  }
  assert_int_equal(frame_detect("E\0R\0R\0O\0R\0\n\0", 12), FRAME_UTF16);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(docker_lines_are_unescaped),
      cmocka_unit_test(docker_parts_are_joined_for_each_stream),
      cmocka_unit_test(cri_parts_are_joined_for_each_stream),
      cmocka_unit_test(an_unfinished_line_waits_with_all_behind_it),
      cmocka_unit_test(json_keeps_what_bounds_its_strings),
      cmocka_unit_test(the_time_of_the_frame_is_found),
      cmocka_unit_test(the_format_is_detected),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
