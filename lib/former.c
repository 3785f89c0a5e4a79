#include "former.h"

#include <stdbool.h>
#include <stddef.h>

static const struct {
	const char *word, *now;
} words[] = {
	{"give-back", "rebind"}, /* a NIC, to the kernel's driver */
	{"wire", "link"},        /* mode of a link between two ports */
};

static bool is_same(const char *a, const char *b)
{
	for (; *a && *b; a++, b++) {
		if ((*a == '_' ? '-' : *a) != (*b == '_' ? '-' : *b))
			return false;
	}
	return *a == *b;
}

const char *former_word(const char *word)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (is_same(words[i].word, word))
			return words[i].now;
	}
	return NULL;
}
