<?php

declare(strict_types=1);

// For apps without composer: the same PSR-4 rule as in composer.json.
spl_autoload_register(static function (string $class): void {
    if (strncmp($class, 'Leaks\\', 6) !== 0) {
        return;
    }
    $file = __DIR__ . '/src/' . strtr(substr($class, 6), '\\', '/') . '.php';
    if (is_file($file)) {
        require $file;
    }
});
