/**
 * small_fs: a file system with little room, for what happens when there is none left.
 *
 * A tmpfs in a mount name space of the test's own, so that nothing stays behind. Where this process
 * may not mount, the tests that need it are skipped.
 */
#ifndef WEFT_TESTS_FAKE_SMALL_FS_H
#define WEFT_TESTS_FAKE_SMALL_FS_H

#define SMALL_FS_BYTES (128u << 10)

/** For cmocka_run_group_tests(). */
int small_fs_setup(void **state);
int small_fs_teardown(void **state);

/** The folder. Skips the running test where there is none. */
const char *small_fs_folder(void);
/** Take all the room that is left, and give it back. */
void small_fs_fill(void);
void small_fs_make_room(void);

#endif
