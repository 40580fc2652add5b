<?php

declare(strict_types=1);

/*
 * PHP's auto_prepend_file while the app is measured: what is here runs before the app's first file.
 *
 * Nothing of it may be seen by the app: it opens no connection, starts no timer or coroutine, prints nothing, and what
 * can't be done is left undone and noted for the harness.
 */

namespace Hyperleak\Probe;

require_once __DIR__ . '/Boot.php';
require_once __DIR__ . '/Worker.php';
require_once __DIR__ . '/Sizes.php';
require_once __DIR__ . '/Places.php';
require_once __DIR__ . '/Classes.php';
require_once __DIR__ . '/Objects.php';
require_once __DIR__ . '/Sources.php';
require_once __DIR__ . '/Census.php';
require_once __DIR__ . '/Roots.php';

// The app's own auto_prepend_file, which the ini file of the probe has displaced, in the scope it would have had.
if (Boot::start() !== null) {
    require Boot::$displaced;
}
