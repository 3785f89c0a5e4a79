#include "drop.h"

const struct drop_info drop_infos[DROP_N_REASONS] = {
#define DROP_INFO(name, text, direction, help) [DROP_##name] = {text, direction, help},
	DROP_REASONS(DROP_INFO)
#undef DROP_INFO
};
