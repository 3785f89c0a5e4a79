/* A hostile guest with packed rings; see fuzz_ring.h. */
#include "fuzz.h"
#include "fuzz_ring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_ring(true, data, size);
}
