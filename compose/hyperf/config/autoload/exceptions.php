<?php

declare(strict_types=1);

return [
    'handler' => [
        'http' => [
            Hyperf\HttpServer\Exception\Handler\HttpExceptionHandler::class,
            App\Exception\Handler\RefusedExceptionHandler::class,
            App\Exception\Handler\OrderFailedHandler::class,
            App\Exception\Handler\AppExceptionHandler::class,
        ],
    ],
];
