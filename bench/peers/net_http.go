// net_http CONNECTIONS REQUESTS WARM_UP HTTP: Go's net/http over HTTP/1.1 (1) or HTTP/2 (2), with encoding/json into
// typed structs. Prints a line of JSON as passage-bench does.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

type device struct {
	ID           string    `json:"id"`
	CredID       string    `json:"cred_id"`
	FriendlyName string    `json:"friendly_name"`
	Type         string    `json:"type"`
	UsageCount   int64     `json:"usage_count"`
	CreatedAt    time.Time `json:"created_at"`
	UpdatedAt    time.Time `json:"updated_at"`
	LastLoginAt  time.Time `json:"last_login_at"`
	Icons        struct {
		Light *string `json:"light"`
		Dark  *string `json:"dark"`
	} `json:"icons"`
}

type event struct {
	ID               string     `json:"id"`
	Type             string     `json:"type"`
	Action           string     `json:"action"`
	Status           string     `json:"status"`
	CreatedAt        time.Time  `json:"created_at"`
	CompletedAt      *time.Time `json:"completed_at"`
	IPAddr           string     `json:"ip_addr"`
	UserAgent        string     `json:"user_agent"`
	UserAgentDisplay string     `json:"user_agent_display"`
	SocialLoginType  *string    `json:"social_login_type"`
}

type social struct {
	ProviderID         string    `json:"provider_id"`
	ProviderIdentifier string    `json:"provider_identifier"`
	CreatedAt          time.Time `json:"created_at"`
	LastLoginAt        time.Time `json:"last_login_at"`
}

type user struct {
	ID                string    `json:"id"`
	Email             string    `json:"email"`
	EmailVerified     bool      `json:"email_verified"`
	Phone             string    `json:"phone"`
	PhoneVerified     bool      `json:"phone_verified"`
	ExternalID        string    `json:"external_id"`
	Status            string    `json:"status"`
	LoginCount        int64     `json:"login_count"`
	CreatedAt         time.Time `json:"created_at"`
	UpdatedAt         time.Time `json:"updated_at"`
	LastLoginAt       time.Time `json:"last_login_at"`
	Webauthn          bool      `json:"webauthn"`
	WebauthnTypes     []string  `json:"webauthn_types"`
	WebauthnDevices   []device  `json:"webauthn_devices"`
	RecentEvents      []event   `json:"recent_events"`
	SocialConnections struct {
		Apple  *social `json:"apple"`
		Github *social `json:"github"`
		Google *social `json:"google"`
	} `json:"social_connections"`
	UserMetadata map[string]any `json:"user_metadata"`
}

type knownUser struct{ id, email string }

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func knownUsers() []knownUser {
	var users []knownUser
	for _, line := range strings.Split(strings.TrimSpace(string(must(os.ReadFile(os.Getenv("PASSAGE_USERS"))))), "\n") {
		id, email, _ := strings.Cut(line, " ")
		users = append(users, knownUser{id, email})
	}
	return users
}

func cpu() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

type service struct {
	client  *http.Client
	prefix  string
	users   []knownUser
	version int
}

func (s *service) getUser(id string) (*user, error) {
	request, err := http.NewRequest(http.MethodGet, s.prefix+id, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+os.Getenv("PASSAGE_API_KEY"))
	request.Header.Set("Accept", "application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", response.StatusCode)
	}
	if response.ProtoMajor != s.version {
		return nil, fmt.Errorf("%s was spoken", response.Proto)
	}
	var body struct {
		User user `json:"user"`
	}
	if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
		return nil, err
	}
	// What is left keeps the connection from being used again.
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return nil, err
	}
	return &body.User, nil
}

// run makes so many requests; it returns what each took and how many were answered wrongly.
func (s *service) run(connections, requests int) ([]time.Duration, int64) {
	times := make([]time.Duration, requests)
	var next, errors int64
	var callers sync.WaitGroup
	for i := 0; i < connections; i++ {
		callers.Add(1)
		go func() {
			defer callers.Done()
			for {
				number := int(atomic.AddInt64(&next, 1)) - 1
				if number >= requests {
					return
				}
				expected := s.users[number%len(s.users)]
				from := time.Now()
				got, err := s.getUser(expected.id)
				times[number] = time.Since(from)
				if err != nil || got.ID != expected.id || got.Email != expected.email {
					if atomic.AddInt64(&errors, 1) == 1 {
						log.Print("a wrong answer: ", err)
					}
				}
			}
		}()
	}
	callers.Wait()
	return times, errors
}

func main() {
	var numbers [4]int
	for i := range numbers {
		numbers[i] = must(strconv.Atoi(os.Args[i+1]))
	}
	connections, requests, warmUp, version := numbers[0], numbers[1], numbers[2], numbers[3]
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(must(os.ReadFile(os.Getenv("PASSAGE_CA_FILE")))) {
		log.Fatal("no CA certificate")
	}
	s := &service{
		client: &http.Client{
			Timeout: 30 * time.Second,
			Transport: &http.Transport{
				TLSClientConfig:     &tls.Config{RootCAs: authorities},
				MaxIdleConnsPerHost: connections,
				MaxConnsPerHost:     connections,
				DisableCompression:  true,
				ForceAttemptHTTP2:   version == 2,
			},
		},
		prefix:  os.Getenv("PASSAGE_BASE_URL") + "/apps/" + os.Getenv("PASSAGE_APP_ID") + "/users/",
		users:   knownUsers(),
		version: version,
	}
	s.run(connections, warmUp)

	cpuBefore, from := cpu(), time.Now()
	times, errors := s.run(connections, requests)
	cpuUsed, wall := cpu()-cpuBefore, time.Since(from)

	sort.Slice(times, func(i, j int) bool { return times[i] < times[j] })
	each := func(time time.Duration) float64 { return float64(time.Nanoseconds()) / 1000 / float64(requests) }
	percentile := func(share float64) float64 {
		return float64(times[int(share*float64(requests-1))].Nanoseconds()) / 1000
	}
	line := map[string]any{
		"client": "go", "scenario": "get_user", "connections": connections, "requests": requests, "errors": errors,
		"cpu_us": each(cpuUsed), "wall_us": each(wall),
		"latency_us": map[string]float64{"p50": percentile(0.5), "p90": percentile(0.9), "p99": percentile(0.99),
			"p99_9": percentile(0.999), "max": percentile(1)},
	}
	fmt.Println(string(must(json.Marshal(line))))
	if errors > 0 {
		os.Exit(1)
	}
}
