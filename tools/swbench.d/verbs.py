"""All verbs, registered."""
import verbs_rate    # noqa: F401  pylint: disable=unused-import
import verbs_switch  # noqa: F401  pylint: disable=unused-import
import verbs_time    # noqa: F401  pylint: disable=unused-import
from verb import VERBS  # noqa: F401  pylint: disable=unused-import
