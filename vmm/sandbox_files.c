#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The ruleset of version 6; older kernels take the beginning of it. */
struct landlock_rules {
	uint64_t access_fs;
	uint64_t access_net; /* since version 4 */
	uint64_t scoped;     /* since version 6 */
};

/* Later than the kernel headers that we are built with. */
#define LANDLOCK_FS_REFER        (UINT64_C(1) << 13) /* version 2: to another folder */
#define LANDLOCK_FS_TRUNCATE     (UINT64_C(1) << 14) /* version 3 */
#define LANDLOCK_FS_IOCTL_DEV    (UINT64_C(1) << 15) /* version 5: devices opened from now on */
#define LANDLOCK_FS_OF_VERSION_1 (LANDLOCK_FS_REFER - 1)
#define LANDLOCK_NET_BIND_TCP    (UINT64_C(1) << 0)
#define LANDLOCK_NET_CONNECT_TCP (UINT64_C(1) << 1)
#define LANDLOCK_SCOPE_ABSTRACT  (UINT64_C(1) << 0)
#define LANDLOCK_SCOPE_SIGNAL    (UINT64_C(1) << 1)

unsigned sandbox_landlock_version(void)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return version > 0 ? (unsigned)version : 0;
}

/* Everything that this version of Landlock can refuse. Returns the size that it knows. */
static size_t all_rules(unsigned version, struct landlock_rules *ret_rules)
{
	*ret_rules = (struct landlock_rules){.access_fs = LANDLOCK_FS_OF_VERSION_1};
	if (version >= 2)
		ret_rules->access_fs |= LANDLOCK_FS_REFER;
	if (version >= 3)
		ret_rules->access_fs |= LANDLOCK_FS_TRUNCATE;
	if (version >= 4)
		ret_rules->access_net = LANDLOCK_NET_BIND_TCP | LANDLOCK_NET_CONNECT_TCP;
	if (version >= 5)
		ret_rules->access_fs |= LANDLOCK_FS_IOCTL_DEV;
	if (version >= 6)
		ret_rules->scoped = LANDLOCK_SCOPE_ABSTRACT | LANDLOCK_SCOPE_SIGNAL;
	if (version >= 6)
		return sizeof(*ret_rules);
	return version >= 4 ? offsetof(struct landlock_rules, scoped)
			    : offsetof(struct landlock_rules, access_net);
}

static int allow_removal(int rules_fd, const char *folder)
{
	struct landlock_path_beneath_attr rule = {
		.allowed_access = LANDLOCK_ACCESS_FS_REMOVE_FILE,
		.parent_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC),
	};
	int r = 0;

	if (rule.parent_fd < 0)
		return 0; /* gone, and what should be removed with it */
	if (syscall(SYS_landlock_add_rule, rules_fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		r = -errno;
	(void)close(rule.parent_fd);
	return r;
}

int sandbox_enter_files(const char *const *folders, unsigned n_folders)
{
	unsigned version = sandbox_landlock_version();
	struct landlock_rules rules;
	size_t size = all_rules(version, &rules);
	int rules_fd, r = 0;

	if (!version)
		return -EOPNOTSUPP;
	rules_fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
	if (rules_fd < 0)
		return -errno;
	for (unsigned i = 0; !r && i < n_folders; i++)
		r = allow_removal(rules_fd, folders[i]);
	if (!r && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
			  syscall(SYS_landlock_restrict_self, rules_fd, 0) < 0))
		r = -errno;
	(void)close(rules_fd);
	return r;
}
