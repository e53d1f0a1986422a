/* SPDX-License-Identifier: MIT */
/* test_csv_recording: the series of a directory, merged by time. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/simulate/csv_recording.h"
#include "support/failing.h"

#define ROOT_TEMPLATE "/tmp/test_csv_recording.XXXXXX"

static char root[] = ROOT_TEMPLATE;
static const char *const names[] = {"h/pool-a/percent-used-2025-10-01",
                                    "h/pool-a/percent-used-2025-10-02",
                                    "h/pool-a/percent-used-b-2025-10-01",
                                    "h/load/load-2025-10-01",
                                    "h/load/README",
                                    "h/load/total-2025-10-01"};

static const char *path_of(const char *name) {
  static char path[256];
  (void)snprintf(path, sizeof(path), "%s/%s", root, name);
  return path;
}

static int make_root(void **state) {
  (void)state;
  (void)snprintf(root, sizeof(root), ROOT_TEMPLATE);
  return mkdtemp(root) != NULL && mkdir(path_of("h"), 0700) == 0 &&
                 mkdir(path_of("h/pool-a"), 0700) == 0 &&
                 mkdir(path_of("h/load"), 0700) == 0
             ? 0
             : -1;
}

static int remove_root(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    (void)unlink(path_of(names[i]));
  }
  (void)rmdir(path_of("h/pool-a"));
  (void)rmdir(path_of("h/load"));
  (void)rmdir(path_of("h"));
  return rmdir(root);
}

static void write_csv(size_t name, const char *text) {
  FILE *file = fopen(path_of(names[name]), "we");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  (void)fclose(file);
}

/* "h/pool-a 1000:40;": instance and time of each reading with its value. */
static void assert_reads(const struct types_db *types, const char *wanted,
                         struct csv_recording_counts *ret_counts) {
  struct csv_recording *recording = NULL;
  struct reading next;
  struct error error = {{0}};
  char found[1024] = "";
  assert_int_equal(csv_recording_open(root, types, &recording, &error), 0);
  while (csv_recording_read_next(recording, &next)) {
    size_t used = strlen(found);
    used += (size_t)snprintf(found + used, sizeof(found) - used, "%s-%s %lld",
                             next.names->type, next.names->type_instance,
                             (long long)next.time_ns / 1000000);
    for (size_t i = 0; i < next.values_len; i++) {
      double value;
      int64_t raw;
      struct reading_source source;
      next.type.describe(next.type.handle, i, &source);
      memcpy(&value, (const char *)next.values + i * 8, 8);
      memcpy(&raw, (const char *)next.values + i * 8, 8);
      used += (size_t)(source.kind == READING_GAUGE
                           ? snprintf(found + used, sizeof(found) - used,
                                      " %s=%g", source.name, value)
                           : snprintf(found + used, sizeof(found) - used,
                                      " %s=%lld", source.name, (long long)raw));
    }
    (void)snprintf(found + used, sizeof(found) - used, ";");
  }
  assert_string_equal(found, wanted);
  if (ret_counts != NULL) {
    *ret_counts = *csv_recording_counts(recording);
  }
  csv_recording_close(recording);
}

static void test_series_are_merged_by_time(void **state) {
  (void)state;
  struct csv_recording_counts counts;
  write_csv(0, "epoch,value\n1.000,40\n11.500,41\n");
  write_csv(1, "epoch,value\n21.250,42\n");
  write_csv(2, "epoch,value\n5.000,1\n15.000,nan\n");
  write_csv(3, "epoch,shortterm,longterm\n11.000,0.5,1e-3\n");
  assert_reads(NULL,
               "percent-used 1000 value=40;percent-used-b 5000 value=1;"
               "load- 11000 shortterm=0.5 longterm=0.001;"
               "percent-used 11500 value=41;percent-used-b 15000 value=nan;"
               "percent-used 21250 value=42;",
               &counts);
  assert_int_equal(counts.series, 3);
  assert_int_equal(counts.readings, 6);
  assert_int_equal(counts.bad_lines, 0);
}

static void test_lines_that_are_not_a_reading_are_counted(void **state) {
  (void)state;
  struct csv_recording_counts counts;
  write_csv(0, "epoch,value\n1.000,40\nnonsense\n-5,1\n2.000,\n3.000,5,6\n"
               "9e99,1\n1.000,41\n4.000,44\n5.0");
  write_csv(2, "no header\n1.000,40\n");
  write_csv(4, "not a csv file");
  assert_reads(NULL, "percent-used 1000 value=40;percent-used 4000 value=44;",
               &counts);
  assert_int_equal(counts.bad_lines, 6);
}

static void test_kinds_come_from_the_types(void **state) {
  (void)state;
  struct types_db_type type = {.name = "total", .sources_len = 1};
  type.sources[0].kind = READING_DERIVE;
  struct types_db types = {&type, 1};
  write_csv(5, "epoch,value\n1.000,9007199254740993\n");
  assert_reads(&types, "total- 1000 value=9007199254740993;", NULL);
  assert_reads(NULL, "total- 1000 value=9.0072e+15;", NULL);
}

static void test_values_are_read_exactly(void **state) {
  (void)state;
  static const char *const texts[] = {
      "0",
      "-0",
      "0.1",
      "-12.5",
      "50.123456",
      "999999999999999",
      ".5",
      "5.",
      "1e3",
      "1.5E-7",
      "-inf",
      "0x10",
      "1234567890123456789",
      "0.123456789012345",
      "0.1234567890123456",
      "123456.789012345",
      "4.35",
      "2.675",
  };
  char lines[2048] = "epoch,value\n";
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
    size_t used = strlen(lines);
    (void)snprintf(lines + used, sizeof(lines) - used, "%zu.000,%s\n", i + 1,
                   texts[i]);
  }
  write_csv(0, lines);
  struct csv_recording *recording = NULL;
  struct reading next;
  assert_int_equal(csv_recording_open(root, NULL, &recording, NULL), 0);
  for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
    assert_true(csv_recording_read_next(recording, &next));
    double wanted = strtod(texts[i], NULL);
    if (memcmp(next.values, &wanted, sizeof(wanted)) != 0) {
      fail_msg("%s is not %.17g", texts[i], wanted);
    }
  }
  csv_recording_close(recording);
}

static void test_the_interval_is_the_smallest_gap(void **state) {
  (void)state;
  struct csv_recording *recording = NULL;
  struct reading next;
  write_csv(0, "epoch,value\n100,1\n160,2\n170,3\n");
  assert_int_equal(csv_recording_open(root, NULL, &recording, NULL), 0);
  static const int64_t intervals_s[] = {60, 10, 10};
  for (size_t i = 0; i < 3; i++) {
    assert_true(csv_recording_read_next(recording, &next));
    assert_int_equal(next.interval_ns, intervals_s[i] * 1000000000);
  }
  assert_false(csv_recording_read_next(recording, &next));
  csv_recording_close(recording);
}

static void test_a_directory_without_data(void **state) {
  (void)state;
  struct csv_recording *recording = NULL;
  struct error error = {{0}};
  write_csv(4, "x");
  assert_int_equal(csv_recording_open(root, NULL, &recording, &error), -ENOENT);
  assert_non_null(strstr(error.text, "has no host/plugin/type-YYYY-MM-DD"));
  assert_int_equal(csv_recording_open("/nowhere", NULL, &recording, &error),
                   -ENOENT);
}

static void test_out_of_memory(void **state) {
  (void)state;
  write_csv(0, "epoch,value\n1.000,40\n");
  bool has_failed = true;
  for (size_t i = 0; has_failed; i++) {
    struct csv_recording *recording = NULL;
    struct error error = {{0}};
    failing_after(i);
    int code = csv_recording_open(root, NULL, &recording, &error);
    has_failed = failing_stop();
    assert_true(code == 0 || code == -ENOMEM);
    csv_recording_close(code == 0 ? recording : NULL);
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_root, remove_root)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_series_are_merged_by_time),
      TEST(test_lines_that_are_not_a_reading_are_counted),
      TEST(test_kinds_come_from_the_types),
      TEST(test_values_are_read_exactly),
      TEST(test_the_interval_is_the_smallest_gap),
      TEST(test_a_directory_without_data),
      TEST(test_out_of_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
