use http::Request;

use super::*;

struct Asked {
    method: Method,
    uri: &'static str,
    kind: Option<&'static str>,
    form: Vec<u8>,
}

impl Asked {
    fn get(uri: &'static str) -> Self {
        Self {
            method: Method::GET,
            uri,
            kind: None,
            form: Vec::new(),
        }
    }

    fn post(form: impl Into<Vec<u8>>) -> Self {
        Self {
            method: Method::POST,
            uri: "/set-cookie",
            kind: Some("application/x-www-form-urlencoded"),
            form: form.into(),
        }
    }

    async fn answer(self) -> (StatusCode, Option<String>) {
        self.answer_with(&config()).await
    }

    async fn answer_with(self, config: &CookieConfig) -> (StatusCode, Option<String>) {
        let mut request = Request::builder().method(self.method).uri(self.uri);
        request = request.header("origin", "https://apps.example");
        if let Some(kind) = self.kind {
            request = request.header("content-type", kind);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let response = answer(config, &parts, body::full(self.form)).await;
        let headers = response.headers();
        let header = |name: &str| Some(headers.get(name)?.to_str().unwrap().to_owned());
        let origin = header("access-control-allow-origin").unwrap();
        assert_eq!(origin, "https://apps.example");
        let credentials = header("access-control-allow-credentials").unwrap();
        assert_eq!(credentials, "true");
        let allowed = header("access-control-allow-headers").unwrap();
        assert_eq!(allowed, "Content-Type");
        (response.status(), header("set-cookie"))
    }
}

fn config() -> CookieConfig {
    CookieConfig {
        domain: "doppler.example.com".into(),
        ..CookieConfig::default()
    }
}

#[tokio::test]
async fn a_form_or_a_query_sets_the_cookie() {
    let cookie = "authorization=bearer%20abc; Domain=doppler.example.com; HttpOnly; Secure; \
                  SameSite=Lax";
    let form = "CookieName=authorization&CookieValue=bearer%2520abc";
    let answer = Asked::post(form).answer().await;
    assert_eq!(answer, (StatusCode::OK, Some(cookie.into())));
    let uri = "/set-cookie?CookieName=authorization&CookieValue=bearer%2520abc";
    let answer = Asked::get(uri).answer().await;
    assert_eq!(answer, (StatusCode::OK, Some(cookie.into())));
    // The body wins over the query, and its type may carry parameters.
    let asked = Asked {
        uri: "/set-cookie?CookieValue=other",
        kind: Some("Application/X-WWW-Form-Urlencoded; charset=utf-8"),
        ..Asked::post(form)
    };
    assert_eq!(asked.answer().await, (StatusCode::OK, Some(cookie.into())));
}

#[tokio::test]
async fn odd_bytes_of_a_value_do_not_leave_it() {
    for (value, cookie) in [
        ("a+b", "authorization=\"a b\""),
        ("a%2Cb", "authorization=\"a,b\""),
        (
            "a%0D%0ASet-Cookie:%20x%3D1",
            "authorization=\"aSet-Cookie: x=1\"",
        ),
        (
            "a%3B%20Domain%3Devil%22%5C",
            "authorization=\"a Domain=evil\"",
        ),
        ("%C3%A9%00a", "authorization=a"),
    ] {
        let form = format!("CookieName=authorization&CookieValue={value}");
        let (status, set) = Asked::post(form).answer().await;
        assert_eq!(status, StatusCode::OK);
        let expected =
            format!("{cookie}; Domain=doppler.example.com; HttpOnly; Secure; SameSite=Lax");
        assert_eq!(set, Some(expected), "{value}");
    }
}

#[tokio::test]
async fn what_is_no_form_is_refused() {
    let refused = (StatusCode::BAD_REQUEST, None);
    for form in [
        "CookieName=authorization",
        "CookieName=authorization&CookieValue=",
        "CookieValue=x",
        "CookieName=authorization&CookieValue=%zz",
        "CookieName=authorization&CookieValue=%2",
        "CookieName=authorization;CookieValue=x",
        "CookieName=session&CookieValue=x",
    ] {
        assert_eq!(Asked::post(form).answer().await, refused, "{form}");
    }
    let long = format!("CookieName=authorization&CookieValue={}", "x".repeat(5000));
    assert_eq!(Asked::post(long).answer().await, refused);
    // A form of another type, or in a method without a body, is not read.
    let form = "CookieName=authorization&CookieValue=x";
    for (method, kind) in [
        (Method::POST, Some("multipart/form-data; boundary=x")),
        (Method::POST, None),
        (Method::DELETE, Some("application/x-www-form-urlencoded")),
    ] {
        let asked = Asked {
            method,
            kind,
            ..Asked::post(form)
        };
        assert_eq!(asked.answer().await, refused);
    }
}

#[tokio::test]
async fn a_preflight_is_answered() {
    let asked = Asked {
        method: Method::OPTIONS,
        ..Asked::get("/set-cookie")
    };
    assert_eq!(asked.answer().await, (StatusCode::NO_CONTENT, None));
}

#[tokio::test]
async fn names_and_sites_follow_the_settings() {
    let settings = CookieConfig {
        domain: String::new(),
        names: vec!["a".into(), "b c".into()],
        same_site: SameSite::None,
    };
    let asked = Asked::get("/set-cookie?CookieName=a&CookieValue=x");
    let expected = Some("a=x; HttpOnly; Secure; SameSite=None".to_owned());
    assert_eq!(
        asked.answer_with(&settings).await,
        (StatusCode::OK, expected)
    );
    // As the reference: a name that is no token sets nothing, and says nothing.
    let asked = Asked::get("/set-cookie?CookieName=b+c&CookieValue=x");
    assert_eq!(asked.answer_with(&settings).await, (StatusCode::OK, None));
}
