/* SPDX-License-Identifier: MIT */
/* replay: feeds every file of some directories to a fuzz target, without
 * libFuzzer.
 *
 * So each compiler and each sanitizer sees the corpus. */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The whole file in memory of exactly its size, so that a sanitizer sees the
 * first byte read beyond it; yours to free. NULL after a word on stderr. */
static uint8_t *read_file(const char *path, size_t *ret_size) {
  uint8_t *data = NULL;
  FILE *file = fopen(path, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
    goto done;
  }
  long size = ftell(file);
  if (size < 0 || fseek(file, 0, SEEK_SET) != 0) {
    goto done;
  }
  data = malloc(size > 0 ? (size_t)size : 1);
  if (data == NULL || fread(data, 1, (size_t)size, file) != (size_t)size) {
    free(data);
    data = NULL;
    goto done;
  }
  *ret_size = (size_t)size;

done:
  if (data == NULL) {
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
  }
  if (file != NULL) {
    (void)fclose(file);
  }
  return data;
}

static bool replay_file(const char *directory, const char *name) {
  char path[4096];
  size_t size = 0;
  (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
  uint8_t *data = read_file(path, &size);
  if (data == NULL) {
    return false;
  }
  (void)LLVMFuzzerTestOneInput(data, size);
  free(data);
  return true;
}

/* False where a file cannot be read, or there is none: that would test
 * nothing. */
static bool replay_directory(const char *path) {
  DIR *directory = opendir(path);
  if (directory == NULL) {
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    return false;
  }
  int replayed = 0;
  bool is_whole = true;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    if (entry->d_name[0] != '.') {
      is_whole = replay_file(path, entry->d_name) && is_whole;
      replayed++;
    }
  }
  (void)closedir(directory);
  printf("%s: %d inputs\n", path, replayed);
  return is_whole && replayed > 0;
}

int main(int argc, char **argv) {
  bool is_whole = argc > 1;
  for (int i = 1; i < argc; i++) {
    is_whole = replay_directory(argv[i]) && is_whole;
  }
  return is_whole ? EXIT_SUCCESS : EXIT_FAILURE;
}
