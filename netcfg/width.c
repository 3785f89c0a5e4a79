#include "width.h"

#include <sys/ioctl.h>
#include <wchar.h>

#define ROWS 24
#define COLS 80

/* Bytes of the next character or escape sequence of len bytes, and the columns that it takes. */
static size_t next_part(const char *text, size_t len, mbstate_t *state, size_t *ret_cols)
{
	wchar_t wide;
	size_t n;

	*ret_cols = 0;
	if (text[0] == '\033' && len > 1 && text[1] == '[') { /* CSI: a letter ends it */
		for (n = 2; n < len && !(text[n] >= '@' && text[n] <= '~'); n++)
			;
		return n < len ? n + 1 : len;
	}
	n = mbrtowc(&wide, text, len, state);
	if (n == 0 || n > len) {
		*state = (mbstate_t){0};
		*ret_cols = 1;
		return 1;
	}
	*ret_cols = wcwidth(wide) < 0 ? 1 : (size_t)wcwidth(wide);
	return n;
}

size_t width_fit(const char *text, size_t len, size_t cols, size_t *ret_width, bool *ret_is_cut)
{
	size_t width = 0, before_mark = 0, fits = 0, n, part;
	mbstate_t state = {0};

	for (size_t at = 0; at < len && width <= cols; at += n) {
		n = next_part(text + at, len - at, &state, &part);
		width += part;
		if (width < cols) {
			fits = at + n;
			before_mark = width;
		}
	}
	*ret_is_cut = width > cols;
	*ret_width = *ret_is_cut ? before_mark : width;
	return *ret_is_cut ? fits : len;
}

bool width_of_terminal(int fd, unsigned *ret_rows, unsigned *ret_cols)
{
	struct winsize size = {0};
	bool is_known = !ioctl(fd, TIOCGWINSZ, &size) && size.ws_col;

	*ret_rows = size.ws_row ? size.ws_row : ROWS;
	*ret_cols = size.ws_col ? size.ws_col : COLS;
	return is_known;
}
