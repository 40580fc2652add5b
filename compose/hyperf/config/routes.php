<?php

declare(strict_types=1);

use App\Controller\CatalogueController;
use App\Controller\Real\HandshakeController;
use App\Middleware\RefuseHandshakeMiddleware;
use App\Middleware\RejectHandshakeMiddleware;
use Hyperf\Context\ApplicationContext;
use Hyperf\HttpServer\Router\Router;
use Leaks\Router as Catalogue;

// The cases that every app serves; those of this app alone have annotated controllers.
foreach (ApplicationContext::getContainer()->get(Catalogue::class)->routes() as $route) {
    if ($route->path !== '/') {
        Router::addRoute($route->method, $route->path, [CatalogueController::class, 'serve']);
    }
}

Router::addGroup('/real/handshake', static function (): void {
    Router::get('', HandshakeController::class, ['middleware' => [RefuseHandshakeMiddleware::class]]);
    Router::get('/clean', HandshakeController::class, ['middleware' => [RejectHandshakeMiddleware::class]]);
});
