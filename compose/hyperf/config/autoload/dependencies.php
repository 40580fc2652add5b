<?php

declare(strict_types=1);

return [
    Leaks\Runtime::class => App\Runtime\SwooleRuntime::class,
];
