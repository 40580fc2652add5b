<?php

declare(strict_types=1);

/*
 * PHP's auto_prepend_file while a profiler extension looks at the app: it starts in the app's first process, every
 * process forked from that goes on with it, and each writes its own profile when it is signalled.
 *
 * Environment: HYPERLEAK_PROFILER names the extension, HYPERLEAK_PROFILE_DIR the folder, HYPERLEAK_PROFILE_SIGNAL the
 * signal.
 */

namespace Hyperleak\Profile;

use Hyperleak\Probe\Boot;

require_once __DIR__ . '/Boot.php';
require_once __DIR__ . '/Profiler.php';

if (\PHP_SAPI === 'cli') {
    Profiler::start((string) \getenv('HYPERLEAK_PROFILE_DIR'), (int) \getenv('HYPERLEAK_PROFILE_SIGNAL'));
}
// The app's own auto_prepend_file, in the scope it would have had.
if (Boot::start() !== null) {
    require Boot::$displaced;
}
