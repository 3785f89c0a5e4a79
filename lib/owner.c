#include "owner.h"

#include "str.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

bool owner_is_valid(const char *owner)
{
	const char *colon = strchr(owner, ':');

	for (const char *c = owner; *c; c++) {
		if (isspace((unsigned char)*c))
			return false;
	}
	return colon ? colon[1] && !strchr(colon + 1, ':') : owner[0] != '\0';
}

/* 2^32 - 1 means "leave it" to the kernel. */
static bool is_number(const char *word, uint32_t *ret)
{
	uint64_t number;

	if (!isdigit((unsigned char)word[0]) || str_parse_u64(word, &number) ||
		number >= UINT32_MAX)
		return false;
	*ret = (uint32_t)number;
	return true;
}

static int not_found(const char *what, const char *word, struct err *err)
{
	(void)err_set_field(err, -EINVAL, "owner", "%s '%s' not found", what, word);
	err_hint(err, "name a %s of this host, or write its number", what);
	return -EINVAL;
}

int owner_find(const char *owner, uid_t *ret_uid, gid_t *ret_gid, struct err *err)
{
	size_t len = strcspn(owner, ":");
	const char *group_name = owner[len] ? owner + len + 1 : NULL;
	const struct passwd *user;
	const struct group *group;
	char user_name[64];

	*ret_uid = (uid_t)-1;
	*ret_gid = (gid_t)-1;
	(void)snprintf(user_name, sizeof(user_name), "%.*s", (int)len, owner);
	if (user_name[0] && (user = getpwnam(user_name)))
		*ret_uid = user->pw_uid;
	else if (user_name[0] && !is_number(user_name, ret_uid))
		return not_found("user", user_name, err);
	if (group_name && (group = getgrnam(group_name)))
		*ret_gid = group->gr_gid;
	else if (group_name && !is_number(group_name, ret_gid))
		return not_found("group", group_name, err);
	return 0;
}
