#include "frame_arg.h"

#include "str.h"

#include <errno.h>
#include <string.h>

/* 18476 of the messages. */
_Static_assert(sizeof(((struct ctl_trace *)0)->frame) == 2 * CTL_TRACE_MAX_FRAME + 1 &&
		       sizeof(((struct ctl_inject *)0)->frame) == 2 * CTL_TRACE_MAX_FRAME + 1,
	"the longest frame fits");

int frame_arg_parse(const char *what, const char *text, uint8_t *bytes, struct err *err)
{
	size_t len = strlen(text);

	if (len % 2) {
		(void)err_set_field(err, -EINVAL, "frame",
			"%s: the frame has %zu hexadecimal digits, an odd number", what, len);
		err_hint(err, "each byte has two");
		return -EINVAL;
	}
	for (size_t i = 0; i < len; i += 2) {
		int high = str_hex_digit(text[i]), low = str_hex_digit(text[i + 1]);

		if (high < 0 || low < 0)
			return err_set_field(err, -EINVAL, "frame",
				"%s: '%.2s' in the frame is no hexadecimal byte", what, text + i);
		bytes[i / 2] = (uint8_t)(high << 4 | low);
	}
	return (int)(len / 2);
}
